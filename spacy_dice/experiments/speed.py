"""The tables that say how soon each loss gets where the baseline ends."""

from collections.abc import Iterable, Sequence

import numpy

from .convergence import Arrival, arrivals, curves_of
from .results import Results, Table
from .sheet import Sheet, titled, titled_by_data_set
from .wording import NONE, percent

# What a loss has that does not reach a score.
NEVER = "never"


def speed(table: Table) -> Sheet | None:
    """The steps and minutes that each loss needs to reach the final score of the baseline."""
    lines = []
    for row in table.rows:
        found = list(arrivals(table, row).values())
        if not found:
            continue
        curves = curves_of(table.rows[row]).values()
        lines.append(
            [
                row,
                percent(float(numpy.mean([curve.final for curve in curves]))),
                _count(_median(curve.end for curve in curves)),
                _count(_median(a.steps for a in found)),
                _range([a.steps for a in found]),
                _share(found),
                _minutes(found),
                f"{sum(numpy.isfinite(a.steps) for a in found)} of {len(found)}",
            ]
        )
    if not lines:
        return None
    baseline = table.baseline
    return Sheet(
        title=f"Steps to the final dev score of {baseline}",
        header=[
            "loss",
            "final dev score",
            "reached at step",
            f"step at the final score of {baseline}",
            "lowest to highest",
            f"share of the steps of {baseline}",
            "minutes",
            "seeds that reach it",
        ],
        rows=lines,
        note=f"{titled('Dev scores in %', table.trained)}; medians over seeds, where a seed "
        f"that does not get there counts as later than all others. Each seed of a loss is held "
        f"against the best dev score of the same seed of {baseline}. Steps are those of "
        "evaluations; minutes are of training and its evaluations, and depend on what else the "
        "machine did.",
    )


def speeds(results: Results) -> Sheet | None:
    """For all data sets the steps to the final score of the baseline, and their share."""
    found_in = {
        table.dataset: {row: list(arrivals(table, row).values()) for row in table.rows}
        for table in results.tables.values()
    }
    tables = [t for t in results.tables.values() if any(found_in[t.dataset].values())]
    rows = [
        row
        for row in dict.fromkeys(row for table in tables for row in table.rows)
        if any(found_in[table.dataset].get(row) for table in tables)
    ]
    if not rows:
        return None
    lines = []
    for row in rows:
        cells = [row]
        for table in tables:
            found = found_in[table.dataset].get(row)
            if not found:
                cells.append(NONE)
                continue
            steps, share = _count(_median(a.steps for a in found)), _share(found)
            reach = sum(numpy.isfinite(a.steps) for a in found)
            some = f", {reach} of {len(found)} seeds" if reach < len(found) else ""
            cells.append(f"{steps} ({share}){some}" if steps != NEVER else f"{NEVER}{some}")
        lines.append(cells)
    baseline = results.baseline
    return Sheet(
        title=f"Steps to the final dev score of {baseline}",
        header=["loss", *(table.dataset for table in tables)],
        rows=lines,
        note=titled_by_data_set(
            f"The step at which a loss has the best dev score of {baseline}", results
        )
        + f"; in brackets its share of the steps of {baseline}. "
        "Medians over seeds, paired; a seed that does not get there counts as later than all "
        "others.",
    )


def _median(values: Iterable[float | None]) -> float | None:
    """The median, in which infinity is the latest; None if a value is not known."""
    known = list(values)
    if not known or None in known:
        return None
    return float(numpy.median(numpy.asarray(known, dtype="float64")))


def _count(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,.0f}" if numpy.isfinite(value) else NEVER


def _range(values: Sequence[float]) -> str:
    return " to ".join(_count(value) for value in dict.fromkeys([min(values), max(values)]))


def _share(found: Sequence[Arrival]) -> str:
    share = _median(arrival.share for arrival in found)
    return NONE if share is None or not numpy.isfinite(share) else f"{share:.2f}"


def _minutes(found: Sequence[Arrival]) -> str:
    seconds = _median(arrival.seconds for arrival in found)
    return NONE if seconds is None or not numpy.isfinite(seconds) else f"{seconds / 60:.1f}"
