"""Numbered lines of a text file, and the one message for a line that is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from spacy_dice._validation import refuse

Line = tuple[int, str]
SHOWN = 200


def malformed(path: Path, number: int, line: str, expected: str) -> NoReturn:
    """Raise the `ValueError` for a line that cannot be read as what its file should hold."""
    shown = line if len(line) <= SHOWN else line[:SHOWN] + "…"
    refuse(str(path), f"line {number}: expected {expected}, got {shown!r}")


def numbered_lines(path: Path, encoding: str = "utf-8") -> Iterator[Line]:
    r"""Yield `(number, line)`, counted from 1, without line ends and without a leading BOM.

    Only `\n` ends a line: characters such as U+2028 or U+0085, which `str.splitlines` cuts at,
    occur inside real texts.

    Raises `ValueError` with the number of a line that is not valid in `encoding`.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode(encoding)
            except UnicodeDecodeError:
                malformed(path, number, raw.decode("latin-1").rstrip("\r\n"), f"{encoding} text")
            if number == 1:
                line = line.removeprefix("\ufeff")
            yield number, line.rstrip("\r\n")


def blocks(path: Path, encoding: str = "utf-8") -> Iterator[list[Line]]:
    """Yield the runs of lines between blank lines; a line of white space only is blank too."""
    block: list[Line] = []
    for number, line in numbered_lines(path, encoding):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block
