"""An extension of Griffe: examples in docstrings are code, and names keep their underscores.

A docstring is Markdown on the site; `>>>` would be a quotation of a quotation there.
"""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"(?:^>>> .*\n?)(?:^.+\n?)*", re.MULTILINE)
# `alpha: what it is` in a line of its own, with its lines indented.
SETTING = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<text>.+(?:\n {2,}\S.*)*)", re.MULTILINE)


class Doctests(Extension):
    """Fence the examples of every docstring, and make a list of its settings."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """The docstring with its examples fenced and its settings as a list.

    >>> print(as_markdown("smooth: > 0, keeps\\n    0/0 away.\\n\\n>>> 1 + 1\\n2"))
    * **`smooth`**: > 0, keeps
        0/0 away.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    text = EXAMPLE.sub(lambda match: f"```pycon\n{match[0].rstrip()}\n```\n", text)
    parts = re.split(r"(```pycon\n.*?```)", text, flags=re.DOTALL)
    return "".join(
        part if part.startswith("```pycon") else SETTING.sub(_item, part) for part in parts
    ).rstrip()


def _item(match: re.Match[str]) -> str:
    if match["names"].isupper() and len(match["names"]) > 2:  # RETURNS, RAISES
        return f"\n**{match['names'].capitalize()}** {match['text']}"
    return f"* **`{match['names']}`**: {match['text']}"
