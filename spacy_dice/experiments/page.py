"""The report as one HTML page that needs no other file."""

import re
from collections.abc import Mapping, Sequence

import jinja2
from markupsafe import Markup

from .results import Results
from .sections import Section

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ results.name }}</title>
<style>
:root { color-scheme: light dark; --line: #e2e2e2; --soft: #5a5a5a; --text: #222;
  --page: #fff; --hover: #f6f6f6; --bad: #b00020; }
@media (prefers-color-scheme: dark) { :root { --line: #3a3a3a; --soft: #b4b4b4; --text: #eee;
  --page: #181818; --hover: #242424; --bad: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  margin: 0 auto; max-width: 78rem; padding: 1.5rem clamp(.8rem, 3vw, 2rem) 4rem;
  overflow-wrap: anywhere; }
a { color: inherit; }
h1 { margin: 0 0 .5rem; } h3 { margin: 1.5rem 0 .5rem; }
h2, summary { margin: 2rem 0 .5rem; border-bottom: 2px solid; font-size: 1.4rem; font-weight: 700; }
summary { cursor: pointer; } summary h2 { all: unset; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; overflow-wrap: normal;
  border-bottom-color: var(--text); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--page); }
tbody tr:hover > * { background: var(--hover); }
td.star { font-weight: 600; }
p.note, figcaption { color: var(--soft); font-size: .85rem; max-width: 60rem; margin: .4rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr));
  gap: 1rem; }
figure { margin: 0; } figure svg { max-width: 100%; height: auto; background: #fff; }
.failed { color: var(--bad); }
</style>
</head>
<body>
<main>
<h1>{{ results.name }}</h1>
<p class="note">{{ plural(runs, "run") }}, {{ plural(results.tables | length, "data set") }};
baseline {{ results.baseline }}; {{ versions }}</p>
<nav aria-label="Sections">
{% for section in sections %}<a href="#s{{ loop.index }}">{{ section.title }}</a>{% endfor %}
</nav>
{% if results.failed %}
<p class="failed">{{ plural(results.failed | length, "run") }} failed, see the end.</p>
{% endif %}
{% for section in sections %}
{% set opened = loop.first or sections | length <= 3 %}
<details id="s{{ loop.index }}"{% if opened %} open{% endif %}>
<summary><h2>{{ section.title }}</h2></summary>
{% for sheet in section.sheets %}
<h3>{{ sheet.title }}</h3>
<div class="wide" tabindex="0" role="region" aria-label="{{ section.title }}: {{ sheet.title }}">
<table>
<thead><tr>{% for cell in sheet.header %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in sheet.rows %}
<tr>{% for cell in row %}<td{% if "*" in cell %} class="star"{% endif %}>{{ cell }}</td>
{%- endfor %}</tr>{% endfor %}
</tbody></table></div>
{% if sheet.note %}<p class="note">{{ sheet.note }}</p>{% endif %}
{% endfor %}
{% if section.figures %}<div class="figures">{% for figure in section.figures %}
<figure>{{ svgs[figure.stem] }}<figcaption>{{ figure.caption }}</figcaption></figure>
{% endfor %}</div>{% endif %}
</details>
{% endfor %}
{% if results.failed %}<h2>Failed runs</h2>
<ul>{% for run, error in results.failed.items() %}<li>{{ run }}: {{ error }}</li>{% endfor %}</ul>
{% endif %}
</main>
</body>
</html>
"""


def to_html(results: Results, sections: Sequence[Section], svgs: Mapping[str, str]) -> str:
    """The page, with the figures inside it."""
    every = [
        run
        for table in results.tables.values()
        for runs in table.rows.values()
        for run in runs.by_seed.values()
    ]
    versions = {f"{k} {v}" for run in every for k, v in run.get("versions", {}).items()}
    environment = jinja2.Environment(autoescape=True)
    return environment.from_string(TEMPLATE).render(
        results=results,
        sections=sections,
        runs=len(every),
        plural=plural,
        versions=", ".join(sorted(versions)),
        svgs={
            stem: Markup(_inline(svg, f"f{number}"))
            for number, (stem, svg) in enumerate(svgs.items())
        },
    )


def plural(count: int, name: str) -> str:
    """A number of things.

    >>> plural(1, "data set"), plural(2, "data set")
    ('1 data set', '2 data sets')
    """
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _inline(svg: str, name: str) -> str:
    """An SVG file as an element: without its prologue, with ids that no other figure has."""
    svg = svg[svg.index("<svg") :]
    for pattern in (r'id="', r'href="#', r"url\(#"):
        svg = re.sub(pattern, lambda match: match[0] + name + "-", svg)
    return svg
