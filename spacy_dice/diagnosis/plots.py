"""The distribution of the labels of a component, as SVG."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .. import _plotting
from .._plotting import COLOURS, GREY
from .diagnosis import Finding
from .distribution import FEW, TOO_FEW
from .text import headline, percent

# So many labels are drawn, the most frequent ones.
DRAWN = 60
# Up to so many times the shortest bar, the longest is drawn on the same scale.
LINEAR = 100
_ENOUGH, _TOO_FEW, _FEW = COLOURS[0], COLOURS[1], COLOURS[4]
_LEGEND = {
    _ENOUGH: f"{FEW} examples or more",
    _FEW: f"fewer than {FEW}",
    _TOO_FEW: f"fewer than {TOO_FEW}",
}


def draw(finding: Finding, path: Path) -> None:
    """Write a bar chart of the labels to `path`; its suffix says whether as SVG or PNG."""
    found = finding.train
    examples = dict(list(found.examples.items())[:DRAWN])
    with _plotting.style():
        figure = _plotting.new_figure(7.2, 1.2 + 0.21 * (len(examples) + 1))
        ax = figure.add_subplot()
        _bars(ax, finding, examples)
        figure.suptitle(
            f"{finding.component.name}: {headline(finding)}", x=0.01, ha="left", fontsize=9
        )
        _plotting.save(figure, path)


def _bars(ax: Axes, finding: Finding, examples: dict[str, int]) -> None:
    found = finding.train
    names = [_shortened(label) for label in examples]
    values = list(examples.values())
    colours = [_TOO_FEW if n < TOO_FEW else _FEW if n < FEW else _ENOUGH for n in values]
    texts = [
        f"{count:,}"
        + (
            f"  ({percent(found.share(label))})"
            if found.decisions and found.unit == found.decision
            else ""
        )
        for label, count in examples.items()
    ]
    if found.background and found.exclusive and found.decisions:
        outside = found.counts[found.background]
        names.insert(0, found.background)
        values.insert(0, outside)
        colours.insert(0, GREY)
        texts.insert(0, f"{outside:,} {found.decision}  ({percent(outside / found.decisions)})")
    positions = range(len(values))
    largest = max(values, default=1)
    in_powers = largest > LINEAR * min(filter(None, values), default=1)
    # From below 1, so that a bar of 1 can be seen on the scale of powers of ten.
    left = 0.5 if in_powers else 0
    ax.barh(positions, [max(n - left, 0) for n in values], left=left, color=colours, height=0.72)
    for y, (value, text) in enumerate(zip(values, texts, strict=True)):
        place = (max(value, left), y)
        ax.annotate(text, place, (4, 0), textcoords="offset points", va="center", fontsize=8)
    if in_powers:
        ax.set_xscale("log")
        ax.set_xlim(left, largest * 12)
        ax.xaxis.set_major_locator(LogLocator(base=10))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.set_xlim(0, max(largest, 1) * 1.18)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    ax.set_yticks(positions, names)
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    more = len(found.examples) - len(examples)
    ax.set_xlabel(
        f"{found.unit} in the training data"
        + (" (log scale)" if in_powers else "")
        + (f"; {more:,} rarer labels are left out" if more else "")
    )
    shown = [colour for colour in _LEGEND if colour in colours]
    if len(shown) > 1:
        handles = [Patch(color=colour, label=_LEGEND[colour]) for colour in shown]
        ax.legend(handles=handles, loc="lower right", fontsize=8)


def _shortened(label: str, limit: int = 48) -> str:
    # A dollar would begin a formula.
    label = label if len(label) <= limit else label[: limit - 1] + "…"
    return label.replace("$", r"\$")
