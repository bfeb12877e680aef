"""The report of a folder of results: Markdown, figures, and one HTML page."""

from collections.abc import Iterable
from pathlib import Path

from .marked import marked_tables, update_files
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
    readmes: Iterable[Path] = (),
) -> str:
    """Write `report.md`, `index.html` and the figures; returns the overview as Markdown.

    results: a folder of `spacy dice compare`.
    output: where to; without it, `report/` in the folder of the results.
    baseline: the loss that the others are compared with; without it, that of the matrix.
    plots: without them, nothing but spaCy's own requirements and statsmodels is needed.
    readmes: other Markdown files, whose marked tables are brought up to date (see `marked`).
    RAISES: FileNotFoundError, ValueError, ModuleNotFoundError.
    """
    records = read_folder(results, baseline)
    output = output or results / "report"
    analysis = Analysis(records)
    if readmes := list(readmes):
        update_files(readmes, marked_tables(analysis))
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
