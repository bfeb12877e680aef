"""Colours, marks and style of every figure, and how it is saved.

The same figure gives the same file, byte for byte.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can tell apart; the baseline is grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8860B")
BASELINE = "#7F7F7F"
# All about as large. One more than there are colours: what has a colour again has another mark.
MARKERS = "Ds^vPXhp>"
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


def looks(names: Iterable[str], baseline: str = "") -> dict[str, Look]:
    """The look of each name, by their order; the baseline, if it is one of them, is grey."""
    names = list(dict.fromkeys(names))
    others = [name for name in names if name != baseline]
    found = {
        name: Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(others)
    }
    return {name: found.get(name, Look(BASELINE, "o")) for name in names}


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
