"""A table of a report, as data: the same rows become Markdown, HTML, and text on a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from . import markdown
from .results import Results


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table: its title, its columns, its rows of text, and what to know about it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def to_markdown(self) -> str:
        """The table, and the note under it."""
        text = markdown.table(self.header, self.rows)
        return f"{text}\n{markdown.escape(self.note)}\n" if self.note else text

    def to_renderable(self) -> RenderableType:
        """The same as what `rich.print` takes."""
        table = RichTable(title=Text(self.title), title_justify="left", box=box.SIMPLE_HEAD)
        for i, name in enumerate(self.header):
            table.add_column(Text(name), justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return Group(table, Text(self.note, style="dim")) if self.note else table


def titled(title: str, trained: str) -> str:
    """A title that says how long was trained, where that is known.

    >>> titled("Scores", "after 600 steps")
    'Scores after 600 steps'
    """
    return f"{title}, {trained}" if trained.startswith("trained") else f"{title} {trained}".strip()


def titled_by_data_set(title: str, results: Results) -> str:
    """A title that says so for each data set, where they differ."""
    tables = results.tables.values()
    if len({table.trained for table in tables}) == 1:
        return titled(title, results.trained)
    return f"{title} ({', '.join(f'{t.dataset} {t.trained}'.strip() for t in tables)})"
