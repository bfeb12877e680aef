"""The figures of a data set: scores, precision against recall, dev curves, speed, frequency.

Each comes as SVG and PNG.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .. import _plotting
from .._plotting import Look
from .._types import Floats, Ints
from ..counts import mean_there, micro_f, precision_recall_f
from .convergence import Curve, arrivals, band, curves_of
from .results import Results, Table
from .sections import Figure
from .statistics import estimate
from .wording import name_of_score

# Inches.
WIDTH = 5.2
# Of marks, in points, of a disc: a mean or median, and a seed.
LARGE, SMALL = 7, 3.5
# Types are gathered in so many groups of like frequency at most.
GROUPS = 8

Looks = Mapping[str, Look]


class Kind(NamedTuple):
    """A kind of figure.

    draw: draws it for a data set. shown: whether there is something to draw.
    height: in inches, for so many rows. legend: whether rows are told apart by colour alone.
    """

    draw: Callable[[Axes, Table, Looks], None]
    shown: Callable[[Table], bool]
    height: Callable[[int], float]
    legend: bool


def draw_all(results: Results, folder: Path) -> dict[str, list[Figure]]:
    """Write all figures into a folder; returns them by data set."""
    looks = looks_of(results)
    figures: dict[str, list[Figure]] = {}
    with _plotting.style():
        for dataset, table in results.tables.items():
            figures[dataset] = []
            for name, kind in KINDS.items():
                if not kind.shown(table):
                    continue
                figure = Figure(stem=f"{dataset}-{name}", name=name)
                drawn = _drawn(table, kind, looks)
                for suffix in ("svg", "png"):
                    _plotting.save(drawn, folder / f"{figure.stem}.{suffix}")
                figures[dataset].append(figure)
    return figures


def looks_of(results: Results) -> dict[str, Look]:
    """How each row is drawn, the same in all figures."""
    rows = [row for table in results.tables.values() for row in table.rows]
    return _plotting.looks(rows)


def _drawn(table: Table, kind: Kind, looks: Looks) -> MatplotlibFigure:
    n_rows = len(table.rows)
    legend_rows = -(-n_rows // 3) if kind.legend else 0
    figure = _plotting.new_figure(WIDTH, kind.height(n_rows) + 0.22 * legend_rows)
    ax = figure.add_subplot()
    kind.draw(ax, table, looks)
    ax.set_title(table.dataset.replace("$", r"\$"), loc="left")
    if kind.legend:
        figure.legend(loc="outside lower center", ncols=min(n_rows, 3))
    return figure


def draw_scores(ax: Axes, table: Table, looks: Looks) -> None:
    """The main score by row: the mean with its interval, and each seed."""
    key = table.scores[0]
    rows = list(table.rows)
    for y, row in enumerate(rows):
        values = 100 * numpy.asarray(list(table.rows[row].scores(key).values()))
        if not len(values):
            continue
        found, look = estimate(values.tolist()), looks[row]
        _mark(ax, values, [y] * len(values), look, seeds=True)
        if found.interval:
            ax.plot(found.interval, [y, y], color=look.colour, linewidth=2)
        _mark(ax, found.mean, y, look)
        ax.annotate(
            f"{found.mean:.1f}", (found.mean, y), (0, 7), textcoords="offset points", ha="center"
        )
        if row == table.baseline:
            ax.axvline(found.mean, color=look.colour, linewidth=1, linestyle=":")
    _name_rows(ax, rows)
    ax.set_xlabel(f"{name_of_score(key)}, {table.part}, % (95 % interval over seeds)")


def draw_precision_recall(ax: Axes, table: Table, looks: Looks) -> None:
    """Precision against recall, with lines of equal F1.

    Over all types together; where that is the same as accuracy, the means over types.
    """
    totals = {
        row: [counts.sum(axis=0) for counts in runs.counts(table.types).values()]
        for row, runs in table.rows.items()
    }
    # Every token has one gold tag and one guess: as many false positives as false negatives.
    macro = all(
        total[:, 1].sum() == total[:, 2].sum() for seeds in totals.values() for total in seeds
    )
    points = {
        row: 100 * numpy.stack([_precision_recall(total, macro=macro) for total in seeds])
        for row, seeds in totals.items()
        if seeds
    }
    everything = numpy.concatenate(list(points.values()))
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = numpy.maximum((high - low) * 0.25, 1.0)
    low, high = numpy.maximum(low - margin, 0), numpy.minimum(high + margin, 101)
    _lines_of_equal_f(ax, low, high)
    for row, seeds_of_row in points.items():
        precision, recall = seeds_of_row.T
        _mark(ax, recall, precision, looks[row], seeds=True)
        _mark(ax, recall.mean(), precision.mean(), looks[row], label=row)
    ax.set_xlim(low[1], high[1])
    ax.set_ylim(low[0], high[0])
    ax.set_xlabel(f"{'macro ' * macro}recall, %")
    ax.set_ylabel(f"{'macro ' * macro}precision, %")


def _precision_recall(total: Ints, *, macro: bool) -> Floats:
    if macro:
        return mean_there(precision_recall_f(total)[:, :2].T, total)
    return precision_recall_f(total.sum(axis=0))[:2]


def _lines_of_equal_f(ax: Axes, low: Floats, high: Floats) -> None:
    corners = [2 * p * r / max(p + r, 1e-9) for p, r in (low, high)]
    recall = numpy.linspace(max(low[1], 0.1), high[1], 200)
    for f in MaxNLocator(6).tick_values(*corners):
        inside = 2 * recall > f
        precision = f * recall[inside] / (2 * recall[inside] - f)
        shown = (precision >= low[0]) & (precision <= high[0])
        if f <= 0 or shown.sum() < 2:
            continue
        x, y = recall[inside][shown], precision[shown]
        ax.plot(x, y, color="#CCCCCC", linewidth=0.8, zorder=0)
        ax.annotate(f"F {f:g}", (x[-1], y[-1]), color="#999999", fontsize=7, ha="right")


def draw_curves(ax: Axes, table: Table, looks: Looks) -> None:
    """The best dev score so far: the mean over seeds, and from the lowest to the highest."""
    for row in _trained(table):
        (steps, scores), look = band(table.rows[row]), looks[row]
        scores, colour = 100 * scores, look.colour
        ax.plot(
            steps,
            scores.mean(axis=0),
            marker=look.marker,
            markevery=[-1],
            markersize=look.size(LARGE),
            color=colour,
            label=row,
        )
        ax.fill_between(
            steps, scores.min(axis=0), scores.max(axis=0), color=colour, alpha=0.12, lw=0
        )
        if row == table.baseline:
            ax.axhline(scores[:, -1].mean(), color=colour, linewidth=1, linestyle=":")
    ax.set_xlabel("step")
    ax.set_ylabel("best dev score so far, %")


def draw_speed(ax: Axes, table: Table, looks: Looks) -> None:
    """The steps to the final dev score of the baseline: the median, and each seed."""
    rows = _trained(table)
    steps = {row: [a.steps for a in arrivals(table, row).values()] for row in rows}
    longest = max(float(c.steps[-1]) for row in rows for c in _curves(table, row))
    for y, row in enumerate(rows):
        look = looks[row]
        there = [step for step in steps[row] if numpy.isfinite(step)]
        never = len(steps[row]) - len(there)
        _mark(ax, there, [y] * len(there), look, seeds=True)
        if never:
            arrow = look._replace(marker=">")
            _mark(ax, 1.06 * longest, y, arrow, clip_on=False)
            text = f"{never} of {len(steps[row])} never"
            place = (1.06 * longest, y)
            ax.annotate(text, place, (0, -13), textcoords="offset points", ha="right", fontsize=8)
        middle = float(numpy.median(steps[row])) if steps[row] else float("inf")
        if numpy.isfinite(middle):
            _mark(ax, middle, y, look)
            place = (middle, y)
            ax.annotate(f"{middle:,.0f}", place, (0, 7), textcoords="offset points", ha="center")
            if row == table.baseline:
                ax.axvline(middle, color=look.colour, linewidth=1, linestyle=":")
    _name_rows(ax, rows)
    ax.set_xlim(-0.02 * longest, 1.08 * longest)
    ax.set_xlabel(f"step at the final dev score of {table.baseline}")


def _trained(table: Table) -> list[str]:
    """The rows that have curves; a calibrated one was not trained itself."""
    return [row for row, runs in table.rows.items() if curves_of(runs)]


def _curves(table: Table, row: str) -> list[Curve]:
    return list(curves_of(table.rows[row]).values())


def _mark(
    ax: Axes, x: ArrayLike, y: ArrayLike, look: Look, *, seeds: bool = False, **more: Any
) -> None:
    """Draw marks: means or medians, or seeds, which are small and pale."""
    size, alpha = (SMALL, 0.35) if seeds else (LARGE, 1.0)
    ax.plot(x, y, look.marker, color=look.colour, alpha=alpha, markersize=look.size(size), **more)


def _name_rows(ax: Axes, rows: Sequence[str]) -> None:
    # A dollar would begin a formula.
    ax.set_yticks(range(len(rows)), [row.replace("$", r"\$") for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.7)
    ax.grid(visible=False, axis="y")


def draw_frequency(ax: Axes, table: Table, looks: Looks) -> None:
    """F1 by how often a type is in the training data; many types are gathered in groups."""
    groups = _groups(table)
    columns = [[table.types.index(label) for label in group] for group in groups]
    for row, runs in table.rows.items():
        seeds = [counts.sum(axis=0) for counts in runs.counts(table.types).values()]
        if not seeds:
            continue
        values = [[micro_f(counts[group]) for group in columns] for counts in seeds]
        look = looks[row]
        ax.plot(
            range(len(groups)),
            100 * numpy.mean(values, axis=0),
            marker=look.marker,
            markersize=look.size(LARGE),
            color=look.colour,
            label=row,
            linewidth=1,
        )
    ax.set_xticks(range(len(groups)), [_name_of_group(group, table) for group in groups])
    ax.tick_params(axis="x", labelrotation=35 if len(groups[0]) == 1 else 0, labelsize=8)
    ax.set_xlabel("types by number in the training data, most frequent first")
    ax.set_ylabel(f"F1, {table.part}, %")


def _groups(table: Table) -> list[list[str]]:
    known = [label for label in table.types if table.train_counts.get(label)]
    size = max(-(-len(known) // GROUPS), 1)
    return [known[start : start + size] for start in range(0, len(known), size)]


def _name_of_group(group: Sequence[str], table: Table) -> str:
    counts = [table.train_counts[label] for label in group]
    if len(group) == 1:
        label = group[0] if len(group[0]) <= 24 else group[0][:23] + "…"
        return f"{label}\n({counts[0]})".replace("$", r"\$")
    return f"{len(group)} types\n{max(counts)}–{min(counts)}"


def _has_counts(table: Table) -> bool:
    return any(runs.counts(table.types) for runs in table.rows.values())


def _has_speed(table: Table) -> bool:
    return len(_trained(table)) > 1 and any(arrivals(table, row) for row in table.rows)


def _has_groups(table: Table) -> bool:
    # A line through one point says nothing.
    return len(_groups(table)) > 1 and _has_counts(table)


KINDS = {
    "scores": Kind(draw_scores, lambda table: True, lambda n: 0.9 + 0.42 * n, legend=False),
    "precision-recall": Kind(draw_precision_recall, _has_counts, lambda n: 3.3, legend=True),
    "curves": Kind(draw_curves, lambda table: bool(_trained(table)), lambda n: 2.9, legend=True),
    "speed": Kind(draw_speed, _has_speed, lambda n: 0.9 + 0.42 * n, legend=False),
    "frequency": Kind(draw_frequency, _has_groups, lambda n: 3.1, legend=True),
}
