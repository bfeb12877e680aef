"""The figures of a report: F1 by loss, precision against recall, dev curves, F1 by frequency.

Each has a panel for each data set, and comes as SVG and PNG.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from .. import _plotting
from .._plotting import Look
from ..counts import mean_there, micro_f, precision_recall_f
from .records import Records, Series, Table
from .statistics import estimate
from .wording import name_of_score

# Types are gathered in so many groups of like frequency at most.
GROUPS = 8
COLUMNS = 3

Panel = Callable[[Axes, Table, Mapping[str, Look]], None]


def draw_all(records: Records, folder: Path) -> list[str]:
    """Write all figures into a folder; returns their names, without the suffix."""
    names = []
    with _plotting.style():
        for name, (panel, height, legend) in FIGURES.items():
            figure = _figure(records, panel, height, legend)
            for suffix in ("svg", "png"):
                _plotting.save(figure, folder / f"{name}.{suffix}")
            names.append(name)
    return names


def looks_of(records: Records) -> dict[str, Look]:
    """How each loss is drawn, the same in all figures."""
    losses = [loss for table in records.tables.values() for loss in table.series]
    return _plotting.looks(losses, records.baseline)


def _figure(records: Records, panel: Panel, height: Callable[[int], float], legend: bool) -> Figure:
    tables = list(records.tables.values())
    looks = looks_of(records)
    columns = min(len(tables), COLUMNS)
    rows = -(-len(tables) // columns)
    n_losses = max(len(table.series) for table in tables)
    width = max(4.6 * columns, 5.5)
    figure = _plotting.new_figure(width, height(n_losses) * rows + 0.5 * legend)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, table in zip(axes, tables, strict=False):
        panel(ax, table, looks)
        ax.set_title(table.dataset, loc="left")
    for ax in axes[len(tables) :]:
        ax.set_visible(False)
    if legend:
        handles: dict[str, Any] = {}
        for ax in axes:
            handles.update(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        ordered = [loss for loss in looks if loss in handles]
        figure.legend(
            [handles[loss] for loss in ordered],
            ordered,
            loc="outside lower center",
            ncols=min(len(ordered), 6 if columns > 1 else 4),
        )
    return figure


def draw_scores(ax: Axes, table: Table, looks: Mapping[str, Look]) -> None:
    """The main score by loss: the mean with its interval, and each seed."""
    key = table.scores[0]
    losses = list(table.series)
    for y, loss in enumerate(losses):
        values = 100 * numpy.asarray(list(table.series[loss].scores(key).values()))
        if not len(values):
            continue
        found = estimate(values.tolist())
        ax.plot(values, [y] * len(values), "o", color=looks[loss].colour, alpha=0.35, markersize=4)
        if found.interval:
            ax.plot(found.interval, [y, y], color=looks[loss].colour, linewidth=2)
        ax.plot(found.mean, y, "D", color=looks[loss].colour, markersize=7)
        ax.annotate(
            f"{found.mean:.1f}", (found.mean, y), (0, 7), textcoords="offset points", ha="center"
        )
        if loss == table.baseline:
            ax.axvline(found.mean, color=looks[loss].colour, linewidth=1, linestyle=":")
    ax.set_yticks(range(len(losses)), losses)
    ax.set_ylim(len(losses) - 0.5, -0.7)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"{name_of_score(key)}, {table.part}, % (95 % interval over seeds)")


def draw_precision_recall(ax: Axes, table: Table, looks: Mapping[str, Look]) -> None:
    """Precision against recall, with lines of equal F1.

    Over all types together; where that is the same as accuracy, the means over types.
    """
    totals = {
        loss: [counts.sum(axis=0) for counts in series.counts(table.types).values()]
        for loss, series in table.series.items()
    }
    # Every token has one gold tag and one guess: as many false positives as false negatives.
    macro = all(
        total[:, 1].sum() == total[:, 2].sum() for seeds in totals.values() for total in seeds
    )
    points = {
        loss: 100 * numpy.stack([_precision_recall(total, macro=macro) for total in seeds])
        for loss, seeds in totals.items()
        if seeds
    }
    if not points:
        ax.text(0.5, 0.5, "no counts", transform=ax.transAxes, ha="center")
        return
    everything = numpy.concatenate(list(points.values()))
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = numpy.maximum((high - low) * 0.25, 1.0)
    low, high = numpy.maximum(low - margin, 0), numpy.minimum(high + margin, 101)
    _lines_of_equal_f(ax, low, high)
    for loss, seeds_of_loss in points.items():
        colour, marker = looks[loss]
        mean = seeds_of_loss.mean(axis=0)
        ax.plot(*seeds_of_loss.T[::-1], marker, color=colour, alpha=0.3, markersize=4)
        ax.plot(*mean[::-1], marker, color=colour, markersize=9, markeredgecolor="w", label=loss)
    ax.set_xlim(low[1], high[1])
    ax.set_ylim(low[0], high[0])
    ax.set_xlabel(f"{'macro ' * macro}recall, %")
    ax.set_ylabel(f"{'macro ' * macro}precision, %")


def _precision_recall(total: NDArray[Any], *, macro: bool) -> NDArray[Any]:
    if macro:
        return mean_there(precision_recall_f(total)[:, :2].T, total)
    return precision_recall_f(total.sum(axis=0))[:2]


def _lines_of_equal_f(ax: Axes, low: NDArray[Any], high: NDArray[Any]) -> None:
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


def draw_curves(ax: Axes, table: Table, looks: Mapping[str, Look]) -> None:
    """The dev score while training: the mean over seeds, and from the lowest to the highest."""
    for loss, series in table.series.items():
        if any("offsets" in run for run in series.runs.values()):
            # A calibrated row was not trained itself.
            continue
        (steps, values), colour = _curves(series), looks[loss].colour
        low, high = values.min(axis=0), values.max(axis=0)
        ax.plot(steps, values.mean(axis=0), color=colour, label=loss)
        ax.fill_between(steps, low, high, color=colour, alpha=0.12, lw=0)
    ax.set_xlabel("step")
    ax.set_ylabel("dev score, %")


def _curves(series: Series) -> tuple[NDArray[Any], NDArray[Any]]:
    curves = [dict(map(tuple, run["curve"])) for run in series.runs.values()]
    # Seeds may have stopped at different steps.
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    return numpy.asarray(steps), 100 * numpy.asarray([[c[step] for step in steps] for c in curves])


def draw_frequency(ax: Axes, table: Table, looks: Mapping[str, Look]) -> None:
    """F1 by how often a type is in the training data; many types are gathered in groups."""
    known = [label for label in table.types if table.train_counts.get(label)]
    size = max(-(-len(known) // GROUPS), 1)
    groups = [known[start : start + size] for start in range(0, len(known), size)]
    if not groups:
        return
    columns = [[table.types.index(label) for label in group] for group in groups]
    for loss, series in table.series.items():
        seeds = [counts.sum(axis=0) for counts in series.counts(table.types).values()]
        if not seeds:
            continue
        values = [[micro_f(counts[group]) for group in columns] for counts in seeds]
        ax.plot(
            range(len(groups)),
            100 * numpy.mean(values, axis=0),
            marker=looks[loss].marker,
            color=looks[loss].colour,
            label=loss,
            linewidth=1,
        )
    ax.set_xticks(range(len(groups)), [_name_of_group(group, table) for group in groups])
    ax.tick_params(axis="x", labelrotation=35 if len(groups[0]) == 1 else 0, labelsize=8)
    ax.set_xlabel("types by number in the training data, most frequent first")
    ax.set_ylabel(f"F1, {table.part}, %")


def _name_of_group(group: Sequence[str], table: Table) -> str:
    counts = [table.train_counts[label] for label in group]
    if len(group) == 1:
        return f"{group[0]}\n({counts[0]})"
    return f"{len(group)} types\n{max(counts)}–{min(counts)}"


FIGURES: dict[str, tuple[Panel, Callable[[int], float], bool]] = {
    "scores": (draw_scores, lambda n: 0.9 + 0.42 * n, False),
    "precision-recall": (draw_precision_recall, lambda n: 3.4, True),
    "curves": (draw_curves, lambda n: 3.0, True),
    "frequency": (draw_frequency, lambda n: 3.2, True),
}
