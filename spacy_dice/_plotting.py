"""Colours, marks and style of every figure, and how it is saved.

The same figure gives the same file, byte for byte.
"""

import math
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

# Okabe and Ito's colours, which colour-blind readers can tell apart, and grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8860B")
GREY = "#7F7F7F"
MARKERS = "Ds^vPXhp<"
STYLE: dict[str, str | float] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "svg.hashsalt": "spacy-dice",
    "svg.fonttype": "path",
}


class Look(NamedTuple):
    """How something is drawn in all figures."""

    colour: str
    marker: str

    def size(self, points: float) -> float:
        """The `markersize` of a mark that is as large as a disc with this diameter."""
        return points * _scale(self.marker)


# What is shown most often looks the same in every figure of every report.
KNOWN = {
    "CE": Look(GREY, "o"),
    **{
        name: Look(colour, marker)
        for name, colour, marker in zip(
            ("WCE", "FL", "DL", "TL", "DSC", "F1", "SE", "MacroF1"), COLOURS, MARKERS, strict=False
        )
    },
    "ASL": Look(GREY, "<"),
}


def looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of each name, which follows from the name alone.

    That of `KNOWN`; the colour of a known name with another mark for what begins with it, such as
    `CE + offset`; else any. Only where the colours of two of the last meet, the later one differs.
    """
    found: dict[str, Look] = {}
    for name in dict.fromkeys(names):
        found[name] = KNOWN.get(name) or _free(name, found.values())
    return found


def _free(name: str, drawn: Collection[Look]) -> Look:
    start, known = zlib.crc32(name.encode("utf8")), KNOWN.get(name.partition(" ")[0])
    # The numbers of colours and of marks have no common divisor: each pair comes once.
    every = [
        Look(known.colour if known else COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i in range(start, start + len(COLOURS) * len(MARKERS))
    ]
    free = [look for look in every if look not in {*KNOWN.values(), *drawn}] or every
    colours = {look.colour for look in drawn}
    return next((look for look in free if look.colour not in colours), free[0])


@cache
def _scale(marker: str) -> float:
    """How much larger than a disc a mark must be drawn, to have its area."""
    style = MarkerStyle(marker)
    outline = style.get_path().transformed(style.get_transform()).to_polygons()[0]
    x, y = numpy.asarray(outline).T
    return float((math.pi / 4 / (abs(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2)) ** 0.5)


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in the style of this package, and leave that of others alone."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that needs no screen."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure to `path`, whose suffix says whether as SVG or as PNG."""
    # Neither the time nor matplotlib's version is part of a figure.
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, dpi=150, metadata=metadata)
