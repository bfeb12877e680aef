"""The report of a folder of results: Markdown, figures, and one HTML page."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from .._files import write_text
from .markdown import escape, table
from .marked import marked_tables, update_files
from .page import to_html
from .results import Results, read_folder
from .sections import Section, sections_of
from .sheet import Sheet
from .tables import Analysis


def write_report(
    folder: Path,
    output: Path | None = None,
    *,
    baseline: str | None = None,
    plots: bool = True,
    readmes: Iterable[Path] = (),
) -> Sheet | None:
    """Write `report.md`, `index.html` and the figures; returns the overview, if there are scores.

    folder: the results of `spacy dice compare`.
    output: where to; without it, `report/` in the folder of the results.
    baseline: the row that the others are compared with; without it, that of the matrix.
    plots: without them, nothing but spaCy's own requirements and statsmodels is needed.
    readmes: other Markdown files, whose marked tables are brought up to date (see `marked`).
    RAISES: FileNotFoundError, ValueError, ModuleNotFoundError.
    """
    results = read_folder(folder, baseline)
    output = output or folder / "report"
    analysis = Analysis(results)
    if readmes := list(readmes):
        update_files(readmes, marked_tables(analysis))
    output.mkdir(parents=True, exist_ok=True)
    figures = {}
    if plots and results.tables:
        try:
            from .figures import draw_all
        except ModuleNotFoundError as error:
            message = f"plots need `pip install 'spacy-dice[report]'` ({error}); or --no-plots"
            raise ModuleNotFoundError(message) from error
        figures = draw_all(results, output)
    write_pages(output, results, sections_of(analysis, figures))
    return analysis.overview() if results.tables else None


def write_pages(output: Path, results: Results, sections: Sequence[Section]) -> None:
    """Write `report.md` and `index.html` into a folder that has the figures of the sections."""
    svgs = {
        figure.stem: (output / f"{figure.stem}.svg").read_text(encoding="utf8")
        for section in sections
        for figure in section.figures
    }
    write_text(output / "report.md", to_markdown(results, sections))
    write_text(output / "index.html", to_html(results, sections, svgs))


def to_markdown(results: Results, sections: Sequence[Section]) -> str:
    """The report as Markdown; figures are files beside it."""
    parts = [f"# {escape(results.title)}\n"]
    for section in sections:
        parts.append(f"## {escape(section.title)}\n")
        parts += [f"### {escape(sheet.title)}\n\n{sheet.to_markdown()}" for sheet in section.sheets]
        parts += [
            f"![{escape(figure.caption)}]({quote(figure.stem)}.svg)\n" for figure in section.figures
        ]
    if results.failed:
        parts.append("## Failed runs\n")
        parts.append(table(["run", "error"], results.failed.items()))
    return "\n".join(parts)
