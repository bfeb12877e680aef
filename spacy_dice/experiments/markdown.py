"""Markdown of tables and reports: nothing in a name or an error can become markup."""

import re
from collections.abc import Iterable, Sequence

# What begins emphasis, code, a link, an image, an attribute, a column or a heading, wherever it is.
_MARKS = re.compile(r"[\\`*\[\]{|#]")
# An underscore within a word is none of that.
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# HTML tags, and entities.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")


def escape(text: str) -> str:
    r"""A text that reads the same as Markdown: on one line, in a table, a heading or a paragraph.

    For CommonMark, GitHub's tables and Python-Markdown. White space becomes single spaces.

    >>> print(escape("a|b_c *d* <script>\n# x ![y](z) p < .05"))
    a\|b_c \*d\* &lt;script> \# x !\[y\](z) p < .05
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = _MARKS.sub(r"\\\g<0>", _ENTITY.sub("&amp;", text))
    text = _UNDERSCORE.sub(r"\\_", text)
    # A backslash before a tilde is shown by Python-Markdown.
    return _TAG.sub("&lt;", text).replace("~", "&#126;")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain texts, the first column to the left and the others to the right."""
    lines = [list(map(escape, header)), ["---", *("---:" for _ in header[1:])]]
    lines += [list(map(escape, row)) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
