"""The report of a folder of results: Markdown, figures, one HTML page, and tables for a README."""

import re
from pathlib import Path

from .._validation import listed, nearest, refuse
from .page import to_html
from .records import Records, read_folder
from .sections import CAPTIONS, Section, sections_of
from .tables import Analysis


def write_report(
    results: Path,
    output: Path | None = None,
    *,
    baseline: str | None = None,
    plots: bool = True,
) -> str:
    """Write `report.md`, `index.html` and the figures; returns the overview as Markdown.

    results: a folder of `spacy dice compare`.
    output: where to; without it, `report/` in the folder of the results.
    baseline: the loss that the others are compared with; without it, that of the matrix.
    plots: without them, nothing but spaCy's own requirements and statsmodels is needed.
    RAISES: FileNotFoundError, ValueError, ModuleNotFoundError.
    """
    records = read_folder(results, baseline)
    output = output or results / "report"
    analysis = Analysis(records)
    sections = sections_of(analysis)
    output.mkdir(parents=True, exist_ok=True)
    figures = []
    if plots and records.tables:
        try:
            from .plots import draw_all
        except ModuleNotFoundError as error:
            message = f"plots need `pip install 'spacy-dice[report]'` ({error}); or --no-plots"
            raise ModuleNotFoundError(message) from error
        figures = draw_all(records, output)
    svgs = {name: (output / f"{name}.svg").read_text(encoding="utf8") for name in figures}
    (output / "report.md").write_text(to_markdown(records, sections, figures), encoding="utf8")
    (output / "index.html").write_text(to_html(records, sections, svgs), encoding="utf8")
    return analysis.overview().to_markdown() if records.tables else ""


def to_markdown(records: Records, sections: list[Section], figures: list[str]) -> str:
    """The report as Markdown; figures are files beside it."""
    parts = [f"# {records.name}\n"]
    for section in sections:
        parts.append(f"## {section.title}\n")
        if section is sections[0]:
            parts += [f"![{CAPTIONS[name]}]({name}.svg)\n" for name in figures]
        parts += [f"### {sheet.title}\n\n{sheet.to_markdown()}" for sheet in section.sheets]
    if records.failed:
        parts.append("## Failed runs\n")
        parts.append("\n".join(f"- {run}: {error}" for run, error in records.failed.items()) + "\n")
    return "\n".join(parts)


# <!-- dice-report:NAME --> … <!-- /dice-report -->
_MARKED = re.compile(
    r"(<!-- dice-report:(?P<name>[^ ]+) -->\n).*?(<!-- /dice-report -->)", re.DOTALL
)


def names_in_readme(text: str) -> list[str]:
    """The names that the markers of a README ask for."""
    return [match["name"] for match in _MARKED.finditer(text)]


def tables_for_readme(results: Path) -> dict[str, str]:
    """Tables by the name that a README's markers use: NAME, the overview; NAME/DATASET."""
    analysis = Analysis(read_folder(results))
    name = analysis.records.name
    tables = {name: analysis.overview().to_markdown()}
    across = analysis.across()
    if across is not None:
        tables[f"{name}/all"] = across.to_markdown()
    for table in analysis.records.tables.values():
        tables[f"{name}/{table.dataset}"] = analysis.scores(table).to_markdown()
    return tables


def update_readme(text: str, tables: dict[str, str]) -> str:
    """The README with the tables between its markers; markers of other matrices stay.

    RAISES: ValueError for a marker of this matrix that there is no table for, and if there is none.
    """
    matrix = next(iter(tables))
    names = [name for name in names_in_readme(text) if name.split("/")[0] == matrix]
    if not names:
        refuse(
            "README", f"there is no `<!-- dice-report:{matrix} -->` … `<!-- /dice-report -->` in it"
        )
    for name in names:
        if name not in tables:
            refuse(
                "README",
                f"there is no table {name!r}{nearest(name, tables)}; there are {listed(tables)}",
            )

    def replaced(match: re.Match[str]) -> str:
        table = tables.get(match["name"])
        return match[0] if table is None else f"{match[1]}\n{table}\n{match[3]}"

    return _MARKED.sub(replaced, text)
