"""Tables of a report in other Markdown files, such as a README: what stands between their markers.

    <!-- dice-report:NAME -->            the overview of the matrix NAME
    <!-- dice-report:NAME/all -->        each loss over all data sets
    <!-- dice-report:NAME/steps -->      the steps to the final score of the baseline
    <!-- dice-report:NAME/DATASET -->    the scores of a data set; NAME/DATASET/steps, as above
    <!-- /dice-report -->

What is between a marker and the next end is replaced; all else, and what belongs to other matrices,
stays as it is.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._files import write_text
from .._validation import listed, nearest, refuse
from .sheet import Sheet
from .speed import speed, speeds
from .tables import Analysis

_MARKED = re.compile(
    r"(<!-- dice-report:(?P<name>[^\n]+?) -->)(?P<end>\r?\n).*?(<!-- /dice-report -->)", re.DOTALL
)


def marked_tables(analysis: Analysis) -> dict[str, str]:
    """The tables as Markdown, by the names that markers have."""
    name = analysis.results.name
    sheets: dict[str, Sheet | None] = {name: analysis.overview()}
    for table in analysis.results.tables.values():
        sheets[f"{name}/{table.dataset}"] = analysis.scores(table)
        sheets[f"{name}/{table.dataset}/steps"] = speed(table)
    sheets |= {f"{name}/all": analysis.across(), f"{name}/steps": speeds(analysis.results)}
    return {key: sheet.to_markdown() for key, sheet in sheets.items() if sheet is not None}


def names_in(text: str) -> list[str]:
    """The names in the markers of a text."""
    return [match["name"] for match in _MARKED.finditer(text)]


def replace_tables(owner: str, text: str, tables: Mapping[str, str]) -> str:
    """A text with the tables between its markers; markers of other matrices stay.

    owner: what error messages begin with.
    tables: those of `marked_tables`.
    RAISES: ValueError for a marker of this matrix that there is no table for.
    """
    matrix = next(iter(tables))
    for name in names_in(text):
        if name.split("/")[0] == matrix and name not in tables:
            refuse(owner, f"no table {name!r}{nearest(name, tables)}; there are {listed(tables)}")

    def replaced(match: re.Match[str]) -> str:
        if match["name"] not in tables:
            return match[0]
        text = f"{match[1]}\n\n{tables[match['name']]}\n{match[4]}"
        return text.replace("\n", match["end"])

    return _MARKED.sub(replaced, text)


def update_files(paths: Iterable[Path], tables: Mapping[str, str]) -> None:
    """Bring the tables in files up to date; a file without a marker of this matrix stays as it is.

    RAISES: OSError, ValueError for a marker that there is no table for, and if no file has a marker
        of this matrix; then all files are as they were.
    """
    old = {path: _read(path) for path in paths}
    matrix = next(iter(tables))
    if not any(name.split("/")[0] == matrix for text in old.values() for name in names_in(text)):
        refuse(
            ", ".join(map(str, old)),
            f"there is no `<!-- dice-report:{matrix} -->` … `<!-- /dice-report -->`",
        )
    new = {path: replace_tables(str(path), text, tables) for path, text in old.items()}
    for path, text in new.items():
        if text != old[path]:
            write_text(path, text)


def _read(path: Path) -> str:
    # Line ends stay as they are.
    return path.read_bytes().decode("utf8")
