"""The report as one HTML page that needs no other file."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from .records import Records
from .sections import Section

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ records.name }}</title>
<style>
:root { color-scheme: light; --line: #e2e2e2; --soft: #666; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 0 auto; max-width: 78rem;
  padding: 1.5rem 2rem 4rem; }
h1 { margin: 0 0 .5rem; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 2px solid #222; }
h3 { margin: 1.5rem 0 .5rem; }
nav a { margin-right: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; border-bottom-color: #222; }
th:first-child, td:first-child { text-align: left; }
tbody tr:hover { background: #f6f6f6; }
td.star { font-weight: 600; }
p.note, figcaption { color: var(--soft); font-size: .85rem; max-width: 60rem; margin: .4rem 0; }
figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; }
.failed { color: #b00020; }
</style>
</head>
<body>
<h1>{{ records.name }}</h1>
<p class="note">{{ runs }} runs, {{ records.tables | length }} data sets; baseline
{{ records.baseline }}; {{ versions }}</p>
<nav>{% for section in sections %}<a href="#s{{ loop.index }}">{{ section.title }}</a>{% endfor %}
</nav>
{% if records.failed %}<p class="failed">{{ records.failed | length }} runs failed, see the end.</p>
{% endif %}
{% for section in sections %}
<h2 id="s{{ loop.index }}">{{ section.title }}</h2>
{% for sheet in section.sheets %}
<h3>{{ sheet.title }}</h3>
<div class="wide"><table>
<thead><tr>{% for cell in sheet.header %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in sheet.rows %}
<tr>{% for cell in row %}<td{% if "*" in cell %} class="star"{% endif %}>{{ cell }}</td>
{%- endfor %}</tr>{% endfor %}
</tbody></table></div>
{% if sheet.note %}<p class="note">{{ sheet.note }}</p>{% endif %}
{% endfor %}
{% for figure in section.figures %}
<figure>{{ svgs[figure.stem] }}<figcaption>{{ figure.caption }}</figcaption></figure>
{% endfor %}
{% endfor %}
{% if records.failed %}<h2>Failed runs</h2>
<ul>{% for run, error in records.failed.items() %}<li>{{ run }}: {{ error }}</li>{% endfor %}</ul>
{% endif %}
</body>
</html>
"""


def to_html(records: Records, sections: Sequence[Section], svgs: Mapping[str, str]) -> str:
    """The page, with the figures inside it."""
    every: list[Mapping[str, Any]] = [
        run
        for table in records.tables.values()
        for series in table.series.values()
        for run in series.runs.values()
    ]
    versions = {f"{k} {v}" for run in every for k, v in run.get("versions", {}).items()}
    environment = jinja2.Environment(autoescape=True)
    return environment.from_string(TEMPLATE).render(
        records=records,
        sections=sections,
        runs=len(every),
        versions=", ".join(sorted(versions)),
        svgs={
            stem: Markup(_inline(svg, f"f{number}"))
            for number, (stem, svg) in enumerate(svgs.items())
        },
    )


def _inline(svg: str, name: str) -> str:
    """An SVG file as an element: without its prologue, with ids that no other figure has."""
    svg = svg[svg.index("<svg") :]
    for pattern in (r'id="', r'href="#', r"url\(#"):
        svg = re.sub(pattern, lambda match: match[0] + name + "-", svg)
    return svg
