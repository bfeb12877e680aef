"""One look for each name, and files that are the same each time."""

import math

import numpy
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spacy_dice import _plotting
from spacy_dice._plotting import COLOURS, KNOWN, MARKERS, Look, looks


def test_looks_go_by_the_name_whatever_else_is_drawn():
    assert looks(["DSC", "CE"]) == {"DSC": KNOWN["DSC"], "CE": KNOWN["CE"]}
    alone = looks(["CE + offset"])["CE + offset"]
    among = looks(["mine", "WCE", "CE", "DSC + offset", "CE + offset"])
    assert among["CE + offset"] == alone
    assert alone.colour == KNOWN["CE"].colour
    assert looks(["mine"])["mine"] == among["mine"]
    assert list(among) == ["mine", "WCE", "CE", "DSC + offset", "CE + offset"]


def test_looks_differ():
    found = looks([f"loss {i}" for i in range(len(COLOURS))])
    assert {look.colour for look in found.values()} == set(COLOURS)
    found = looks([*KNOWN, *(f"loss {i}" for i in range(len(COLOURS) * (len(MARKERS) - 1)))])
    assert len(set(found.values())) == len(found)
    # ">" is an arrow: what is never reached.
    assert ">" not in MARKERS


def test_marks_are_equally_large():
    for marker in ("o", ">", *MARKERS):
        side = 400
        figure = Figure(figsize=(1, 1), dpi=side)
        FigureCanvasAgg(figure)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.axis("off")
        ax.plot(0, 0, marker, color="k", markersize=Look("k", marker).size(30), markeredgewidth=0)
        figure.canvas.draw()
        share = (numpy.asarray(figure.canvas.buffer_rgba())[:, :, 0] < 128).mean()
        # Of the area of a figure of an inch, that of a disc of 30 points.
        assert share == pytest.approx(math.pi * 15**2 / 72**2, rel=0.02), marker


def test_same_figure_same_file(tmp_path):
    for suffix in ("svg", "png"):
        for name in "ab":
            with _plotting.style():
                figure = _plotting.new_figure(2, 2)
                figure.add_subplot().plot([0, 1], [0, 1], label="x")
                _plotting.save(figure, tmp_path / f"{name}.{suffix}")
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert first == second
