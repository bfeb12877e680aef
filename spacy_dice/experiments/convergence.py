"""How soon a row gets where the baseline ends: steps and seconds, read from the dev curves.

What counts at a step is the best checkpoint so far, because that is what training keeps.
"""

from dataclasses import dataclass

import numpy

from .._types import Floats
from .folder import Record
from .results import Runs, Table


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The dev score while training, at each evaluation.

    steps, scores: `(n,)`. best: `(n,)`, the highest score so far.
    seconds: `(n,)`, of training until then, evaluations included; None where not recorded.
    """

    steps: Floats
    scores: Floats
    seconds: Floats | None

    @property
    def best(self) -> Floats:
        """The highest score so far."""
        return numpy.maximum.accumulate(self.scores)

    @property
    def final(self) -> float:
        """The highest score of all."""
        return float(self.scores.max())

    @property
    def end(self) -> float:
        """The first step with that score."""
        return float(self.steps[self.scores.argmax()])

    def first(self, score: float) -> int | None:
        """The number of the first evaluation that is at least as good; None if there is none."""
        found = numpy.flatnonzero(self.scores >= score)
        return int(found[0]) if len(found) else None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """When a seed of a row reaches the final score of the same seed of the baseline.

    steps, seconds: of the row; infinite if it does not get there. of_baseline: its steps.
    """

    steps: float
    seconds: float | None
    of_baseline: float

    @property
    def share(self) -> float | None:
        """Of the steps of the baseline; None if the baseline was best before it learned."""
        return self.steps / self.of_baseline if self.of_baseline else None


def curve_of(run: Record) -> Curve | None:
    """The curve of a recorded run; None if there is none, and for a row that was not trained."""
    derived = {"calibrated", "best_of"} & run.get("definition", {}).keys()
    if not run.get("curve") or derived:
        return None
    steps, scores = numpy.asarray(run["curve"], dtype="float64").T
    seconds = run.get("curve_seconds")
    return Curve(
        steps=steps,
        scores=scores,
        seconds=None if seconds is None else numpy.asarray(seconds, dtype="float64"),
    )


def curves_of(runs: Runs) -> dict[int, Curve]:
    """The curves of a row by seed."""
    found = {seed: curve_of(run) for seed, run in runs.by_seed.items()}
    return {seed: curve for seed, curve in found.items() if curve is not None}


def arrivals(table: Table, row: str) -> dict[int, Arrival]:
    """When each seed of a row reaches the baseline's final score, for the seeds that both have."""
    if not table.has_baseline:
        return {}
    baseline = curves_of(table.rows[table.baseline])
    found = {}
    for seed, curve in curves_of(table.rows[row]).items():
        if seed in baseline:
            other = baseline[seed]
            there = curve.first(other.final)
            found[seed] = Arrival(
                steps=float("inf") if there is None else float(curve.steps[there]),
                seconds=_seconds(curve, there),
                of_baseline=other.end,
            )
    return found


def _seconds(curve: Curve, place: int | None) -> float | None:
    if place is None:
        return float("inf")
    return None if curve.seconds is None else float(curve.seconds[place])


def band(runs: Runs) -> tuple[Floats, Floats]:
    """The best score so far at each step that a seed was evaluated at.

    RETURNS: steps `(n,)` and scores `(seeds, n)`. A training that has ended stays where it ended.
    """
    curves = list(curves_of(runs).values())
    steps = numpy.unique(numpy.concatenate([curve.steps for curve in curves]))
    found = []
    for curve in curves:
        # The last evaluation that is not after a step; all trainings are evaluated at step 0.
        last = numpy.searchsorted(curve.steps, steps, side="right") - 1
        found.append(curve.best[numpy.maximum(last, 0)])
    return steps, numpy.stack(found)
