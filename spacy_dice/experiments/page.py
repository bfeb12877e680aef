"""The report as one HTML page that needs no other file."""

import re
from collections.abc import Mapping, Sequence

import jinja2
from markupsafe import Markup

from .results import Results
from .sections import Section
from .tables import CAUTION

STYLE = """
:root { color-scheme: light dark; --line: #e2e2e2; --soft: #5a5a5a; --text: #222;
  --page: #fff; --hover: #f6f6f6; --bad: #b00020; }
@media (prefers-color-scheme: dark) { :root { --line: #3a3a3a; --soft: #b4b4b4; --text: #eee;
  --page: #181818; --hover: #242424; --bad: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  margin: 0 auto; max-width: 78rem; padding: 1.5rem clamp(.8rem, 3vw, 2rem) 4rem;
  overflow-wrap: anywhere; }
a { color: inherit; }
:focus-visible { outline: 2px solid #0072b2; outline-offset: 2px; }
h1 { margin: 0 0 .5rem; line-height: 1.2; } h3 { margin: 1.5rem 0 .5rem; }
h2, summary { margin: 2rem 0 .5rem; border-bottom: 2px solid; font-size: 1.4rem; font-weight: 700; }
summary { cursor: pointer; } summary h2 { all: unset; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; font-weight: inherit; }
thead th { vertical-align: bottom; white-space: normal; overflow-wrap: normal; font-weight: 700;
  border-bottom-color: var(--text); min-width: 4.5rem; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--page);
  min-width: 6rem; max-width: 45vw; }
tbody th { white-space: normal; overflow-wrap: break-word; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid #0072b2; }
th button::after { content: "\\00a0↕"; color: var(--soft); font-weight: 400; }
th[aria-sort=ascending] button::after { content: "\\00a0↑"; }
th[aria-sort=descending] button::after { content: "\\00a0↓"; }
tbody tr:hover > * { background: var(--hover); }
td.star { font-weight: 600; }
p.note, figcaption { color: var(--soft); font-size: .85rem; max-width: 60rem; margin: .4rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21rem, 100%), 1fr));
  gap: 1rem; margin: 1rem 0; }
figure { margin: 0; }
figure svg { width: 100%; height: auto; box-sizing: border-box; padding: .3rem;
  background: #fff; border-radius: .3rem; }
.failed, .caution { color: var(--bad); }
"""

# Without it everything is there, but in one order, and a link does not unfold what it leads to.
SCRIPT = """
const number = text => {
  const found = text.replace(/[,*]/g, "").replace("−", "-").match(/-?[0-9]*[.]?[0-9]+/);
  return text.startsWith("never") ? Infinity : found ? Number(found[0]) : NaN;
};
for (const table of document.querySelectorAll("table"))
  table.querySelectorAll("thead th").forEach((th, column) => {
    const button = document.createElement("button");
    button.append(...th.childNodes);
    th.append(button);
    button.onclick = () => {
      const rows = [...table.tBodies[0].rows], text = row => row.cells[column].textContent;
      const down = th.ariaSort ? th.ariaSort == "ascending" : column > 0;
      const order = column ? (a, b) => number(text(a)) - number(text(b))
        : (a, b) => text(a).localeCompare(text(b));
      const last = row => column && isNaN(number(text(row)));
      rows.sort((a, b) => last(a) - last(b) || (down ? order(b, a) : order(a, b)) || 0);
      for (const other of table.querySelectorAll("thead th")) other.ariaSort = null;
      th.ariaSort = down ? "descending" : "ascending";
      table.tBodies[0].append(...rows);
    };
  });
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target) target.open = true;
};
addEventListener("hashchange", unfold);
unfold();
"""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ results.title }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>{{ results.title }}</h1>
<p class="note">{{ plural(runs, "run") }}, {{ plural(results.tables | length, "data set") }};
baseline {{ results.baseline }}; {{ versions }}</p>
{% if results.few_seeds %}<p class="caution">{{ caution }}</p>{% endif %}
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
<tr>{% for cell in row %}
{%- if loop.first %}<th scope="row">{{ cell }}</th>
{%- else %}<td{% if "*" in cell %} class="star"{% endif %}>{{ cell }}</td>{% endif %}
{%- endfor %}</tr>{% endfor %}
</tbody></table></div>
{% if sheet.note %}<p class="note">{{ sheet.note }}</p>{% endif %}
{% if loop.first and section.figures %}<div class="figures">{% for figure in section.figures %}
<figure>{{ svgs[figure.stem] }}<figcaption>{{ figure.caption }}</figcaption></figure>
{% endfor %}</div>{% endif %}
{% endfor %}
</details>
{% endfor %}
{% if results.failed %}<h2>Failed runs</h2>
<ul>{% for run, error in results.failed.items() %}<li>{{ run }}: {{ error }}</li>{% endfor %}</ul>
{% endif %}
</main>
<script>{{ script }}</script>
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
        caution=CAUTION,
        style=Markup(STYLE),
        script=Markup(SCRIPT),
        versions=", ".join(sorted(versions)),
        svgs={
            figure.stem: _inline(svgs[figure.stem], f"f{number}", figure.caption)
            for number, figure in enumerate(f for section in sections for f in section.figures)
        },
    )


def plural(count: int, name: str) -> str:
    """A number of things.

    >>> plural(1, "data set"), plural(2, "data set")
    ('1 data set', '2 data sets')
    """
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _inline(svg: str, name: str, caption: str) -> Markup:
    """An SVG file as an element: without its prologue, with ids that no other figure has."""
    svg = svg[svg.index("<svg") :]
    for pattern in (r'id="', r'href="#', r"url\(#"):
        svg = re.sub(pattern, lambda match: match[0] + name + "-", svg)
    label = Markup('<svg role="img" aria-label="{}"').format(caption)
    return label + Markup(svg.removeprefix("<svg"))
