"""The figures of the documentation: values and gradients, from the functions themselves.

    python scripts/figures.py docs/figures

Every loss is one cell behind a logistic output: a predicted probability p, a target y of 1 or 0.
The gradient is by the logit, which is what the model feels.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spacy_dice import functional
from spacy_dice._plotting import COLOURS, new_figure, save, style

Floats = NDArray[numpy.float64]

P = numpy.linspace(0.001, 0.999, 120)
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]


class Curve(NamedTuple):
    """A loss over p: its value and its gradient by the logit, `(len(P),)` each."""

    value: Floats
    gradient: Floats


def curve(y: float, *, loss: Callable[..., Any], ce_weight: float = 0.0) -> Curve:
    """Of a cell with the target `y`: `loss`, and `ce_weight` times cross entropy."""
    parts = [(1.0, loss), (ce_weight, functional.cross_entropy)]
    value, gradient = numpy.zeros_like(P), numpy.zeros_like(P)
    for weight, part in parts:
        for i, p in enumerate(P):
            cell = numpy.array([[p]]), numpy.array([[y]])
            of_cell, by_logit = part(*cell, exclusive=False)
            value[i] += weight * of_cell
            gradient[i] += weight * by_logit[0, 0]
    return Curve(value, gradient)


def penalized_cross_entropy(
    probs: Floats, targets: Floats, **settings: Any
) -> tuple[float, Floats]:
    """What `dice.ConfidencePenalty.v1` is by default."""
    ce, of_ce = functional.cross_entropy(probs, targets, **settings)
    penalty, of_penalty = functional.negative_entropy(probs, **settings)
    return ce + 0.1 * penalty, of_ce + 0.1 * of_penalty


class Formula(NamedTuple):
    """What is drawn of a loss: the formula, and how much cross entropy its default adds."""

    loss: Callable[..., Any]
    ce_weight: float = 0.0


_DSC = partial(functional.self_adjusting_dice, alpha=1.0, smooth=1.0)
FORMULAS: Mapping[str, Formula] = {
    "CE": Formula(functional.cross_entropy),
    "WCE": Formula(partial(functional.cross_entropy, class_weights=numpy.array([2.0]))),
    "FL": Formula(partial(functional.focal, focus=1.0), ce_weight=0.5),
    "ASL": Formula(
        partial(functional.asymmetric_focal, focus_positive=0.0, focus_negative=4.0, margin=0.05)
    ),
    "GCE": Formula(partial(functional.generalized_cross_entropy, q=0.3)),
    "ConfidencePenalty": Formula(penalized_cross_entropy),
    "SE": Formula(functional.squared_error),
    "DL": Formula(partial(functional.dice, smooth=1.0), ce_weight=1.0),
    "TL": Formula(partial(functional.tversky, alpha=0.5, beta=0.5, smooth=1.0), ce_weight=1.0),
    "DSC": Formula(_DSC, ce_weight=2.0),
}


def draw_rare_labels() -> Figure:
    """What pulls a positive up, over p."""
    figure = new_figure(5.6, 3.0)
    ax = figure.add_subplot()
    for name, colour, line, found in (
        ("cross entropy", COLOURS[0], "-", curve(1.0, loss=functional.cross_entropy)),
        ("focal loss", COLOURS[0], ":", curve(1.0, loss=partial(functional.focal, focus=1.0))),
        ("squared error", COLOURS[1], "-", curve(1.0, loss=functional.squared_error)),
        ("bare DSC", COLOURS[2], "-", curve(1.0, loss=_DSC)),
        ("DSC + .3 cross entropy", COLOURS[2], "--", curve(1.0, loss=_DSC, ce_weight=0.3)),
    ):
        ax.plot(P, -found.gradient, line, color=colour, label=name, linewidth=2)
    ax.axhline(0, color="#000000", linewidth=0.8)
    ax.set_xlim(0, 1)
    ax.set_xlabel("predicted probability p of a positive")
    ax.set_ylabel("pull towards 1\n(− gradient by the logit)")
    ax.annotate(
        "a rare label\nis here: only a\nlogarithm pulls",
        (0.012, 0.012),
        (0.13, 0.42),
        fontsize=8.5,
        arrowprops={"arrowstyle": "->", "color": "#555555"},
    )
    ax.legend(loc="upper right")
    return figure


def draw_formula(name: str) -> Figure:
    """Value and gradient of a loss, for a positive and a negative; the bare formula is dashed."""
    formula = FORMULAS[name]
    figure = new_figure(5.8, 2.3)
    value, gradient = figure.subplots(1, 2)
    for y, colour, what in ((1.0, POSITIVE, "y = 1"), (0.0, NEGATIVE, "y = 0")):
        whole = curve(y, loss=formula.loss, ce_weight=formula.ce_weight)
        _draw(value, gradient, whole, color=colour, label=what)
        if formula.ce_weight:
            bare = curve(y, loss=formula.loss)
            _draw(value, gradient, bare, color=colour, linestyle="--", label=f"{what}, bare")
    value.set(title="value", xlabel="p", xlim=(0, 1), ylim=(0, 4))
    gradient.set(title="gradient by the logit", xlabel="p", xlim=(0, 1))
    gradient.axhline(0, color="#000000", linewidth=0.8)
    value.legend(loc="upper center")
    return figure


def _draw(value: Axes, gradient: Axes, found: Curve, **look: Any) -> None:
    value.plot(P, found.value, linewidth=1.8, **look)
    gradient.plot(P, found.gradient, linewidth=1.8, **look)


def draw_f1() -> Figure:
    """The weight of negatives over the F1 that is reached."""
    figure = new_figure(3.6, 2.5)
    ax = figure.add_subplot()
    reached = numpy.linspace(0, 1, 200)
    ax.plot(reached, numpy.maximum(reached / (2 - reached), 0.05), color=NEGATIVE, linewidth=1.8)
    ax.set(xlabel="F1 reached so far", ylabel="weight of a negative", xlim=(0, 1), ylim=(0, 1))
    return figure


def draw_macro_f1() -> Figure:
    """The weight of a label over how often it is gold, against a label that is gold 1,000 times."""
    figure = new_figure(4.2, 2.5)
    ax = figure.add_subplot()
    gold = numpy.geomspace(1, 1000, 200)
    for reached, colour in ((0.2, COLOURS[1]), (0.5, COLOURS[4]), (0.8, COLOURS[0])):
        weight = ((2 - reached) / (2 * gold)) ** 0.25 / ((2 - 0.8) / 2000) ** 0.25
        ax.plot(gold, weight, color=colour, label=f"F1 of the label {reached}", linewidth=1.8)
    ax.set(xscale="log", xlabel="how often the label is gold", ylabel="weight")
    ax.legend()
    return figure


FIGURES: Mapping[str, Callable[[], Figure]] = {
    "rare-labels": draw_rare_labels,
    **{f"loss-{name}": partial(draw_formula, name) for name in FORMULAS},
    "loss-F1": draw_f1,
    "loss-MacroF1": draw_macro_f1,
}


def main(folder: str) -> None:
    """Write all figures into `folder`, as SVG."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with style():
        for name, draw in FIGURES.items():
            save(draw(), Path(folder, f"{name}.svg"))


if __name__ == "__main__":
    main(*sys.argv[1:])
