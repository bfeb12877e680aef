"""How sure the differences between the rows of a matrix are.

Two things make a difference uncertain, and each test sees what it can:

* the seeds: means and differences, paired by seed, have Student's t intervals and tests;
* the test documents: differences have bootstrap intervals over documents *and* seeds, both drawn
  anew, with the same documents for both rows.

p-values are corrected for the number of rows after Holm. A difference is called significant only
if the corrected test says so and the bootstrap interval leaves out zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy
from numpy.typing import ArrayLike
from scipy import stats

from .._types import Floats, Ints
from ..components import score_of
from ..counts import micro_f
from .results import Results, Runs, Table

LEVEL = 0.95
RESAMPLES = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and its confidence interval, None for a single seed."""

    mean: float
    interval: Interval | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A row minus the baseline, over the seeds that both have.

    interval: Student's t, over seeds. p: of the paired t-test; `p_holm`, corrected.
    bootstrap: the interval over documents and seeds. None where it cannot be known.
    """

    mean: float
    n: int
    interval: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    bootstrap: Interval | None = None

    @property
    def significant(self) -> bool:
        """Whether both tests say that there is a difference."""
        if self.p_holm is None or self.p_holm >= 1 - LEVEL:
            return False
        return self.bootstrap is None or self.bootstrap[0] > 0 or self.bootstrap[1] < 0


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and t interval.

    >>> estimate([1.0, 2.0, 3.0])
    Estimate(mean=2.0, interval=(-0.48..., 4.48...), n=3)
    """
    array = numpy.asarray(values, dtype="float64")
    interval = None
    if len(array) > 1:
        error = stats.sem(array)
        half = float(error * stats.t.ppf((1 + LEVEL) / 2, len(array) - 1))
        interval = (float(array.mean()) - half, float(array.mean()) + half)
    return Estimate(float(array.mean()), interval, len(array))


def paired(row: Mapping[int, float], baseline: Mapping[int, float]) -> Difference | None:
    """The difference of scores by seed, with Student's paired test; None without a common seed."""
    seeds = sorted(set(row) & set(baseline))
    if not seeds:
        return None
    a, b = (numpy.asarray([scores[seed] for seed in seeds]) for scores in (row, baseline))
    found = estimate(a - b)
    p = None
    if found.n > 1:
        # Where all differences are the same there is no variance to compare with.
        constant = numpy.ptp(a - b) < 1e-12
        p = float(abs(found.mean) < 1e-12) if constant else float(stats.ttest_rel(a, b).pvalue)
    return Difference(mean=found.mean, n=found.n, interval=found.interval, p=p)


def score_of_counts(key: str) -> Callable[[ArrayLike], Floats] | None:
    """How a score is computed from counts `(…, n_types, 3)`; None for others: no bootstrap."""
    score = score_of(key)
    return None if score is None else score.of_counts


def bootstrap(
    row: Mapping[int, Ints],
    baseline: Mapping[int, Ints],
    score: Callable[[ArrayLike], Floats],
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interval of a difference over documents and seeds.

    row, baseline: counts `(n_docs, n_types, 3)` by seed. The seeds that both have are taken; of
        a single one, only documents are drawn.
    """
    seeds = sorted(set(row) & set(baseline))
    pairs = [[numpy.asarray(counts[seed]) for seed in seeds] for counts in (row, baseline)]
    n_docs, n_types, _ = pairs[0][0].shape
    flat = [[a.reshape(n_docs, -1).astype("float64") for a in arrays] for arrays in pairs]

    def statistic(docs: Ints, chosen: Ints | None = None, axis: int = -1) -> Floats:
        # How often each document was drawn: then the counts of all resamples are one product.
        drawn = numpy.stack(
            [numpy.bincount(one, minlength=n_docs) for one in numpy.atleast_2d(docs).astype(int)]
        )
        first, second = (
            numpy.stack(
                [score((drawn @ array).reshape(-1, n_types, 3)) for array in arrays], axis=1
            )
            for arrays in flat
        )
        if chosen is None:
            return (first - second).mean(axis=1)
        chosen = numpy.atleast_2d(chosen).astype(int)
        return numpy.take_along_axis(first - second, chosen, axis=1).mean(axis=1)

    samples = [numpy.arange(n_docs)] + [numpy.arange(len(seeds))] * (len(seeds) > 1)
    result = stats.bootstrap(
        samples,
        statistic,
        vectorized=True,
        axis=-1,
        n_resamples=resamples,
        batch=250,
        confidence_level=LEVEL,
        method="percentile",
        random_state=numpy.random.default_rng(0),
    )
    low, high = result.confidence_interval
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected after Holm.

    RAISES: ModuleNotFoundError if there is something to correct, but statsmodels is not installed.
    """
    if len(p_values) < 2:
        return list(p_values)
    try:
        from statsmodels.stats.multitest import multipletests
    except ModuleNotFoundError as error:
        message = "Holm's correction needs `pip install 'spacy-dice[report]'`"
        raise ModuleNotFoundError(message) from error
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def differences(table: Table, key: str) -> dict[str, Difference]:
    """Each row against the baseline of a data set, in one score of the test set."""
    if not table.has_baseline:
        return {}
    baseline = table.rows[table.baseline]
    found: dict[str, Difference] = {}
    for row, runs in table.rows.items():
        difference = paired(runs.scores(key), baseline.scores(key))
        if row != table.baseline and difference is not None:
            found[row] = replace(difference, bootstrap=_bootstrap(table, runs, baseline, key))
    return _corrected(found)


def overall(results: Results) -> dict[str, Difference]:
    """Each row against the baseline, in the main scores' mean over all data sets.

    Only rows that were run on all data sets that the baseline was run on.
    """
    tables = [table for table in results.tables.values() if table.has_baseline]
    found: dict[str, Difference] = {}
    for row in dict.fromkeys(name for table in tables for name in table.rows):
        if row == results.baseline or not all(row in table.rows for table in tables):
            continue
        means = [
            _mean_scores([table.rows[name].scores(table.scores[0]) for table in tables])
            for name in (row, results.baseline)
        ]
        difference = paired(*means)
        if difference is not None:
            found[row] = difference
    return _corrected(found)


def _mean_scores(scores: Sequence[Mapping[int, float]]) -> dict[int, float]:
    seeds = set.intersection(*(set(by_seed) for by_seed in scores))
    return {seed: float(numpy.mean([by_seed[seed] for by_seed in scores])) for seed in seeds}


def _corrected(found: dict[str, Difference]) -> dict[str, Difference]:
    tested = {name: d.p for name, d in found.items() if d.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: replace(d, p_holm=corrected.get(name)) for name, d in found.items()}


def _bootstrap(table: Table, runs: Runs, baseline: Runs, key: str) -> Interval | None:
    score = score_of_counts(key)
    if score is None:
        return None
    arrays = runs.counts(table.types), baseline.counts(table.types)
    seeds = set(arrays[0]) & set(arrays[1])
    for each, counts in zip((runs, baseline), arrays, strict=True):
        recorded = each.scores(key)
        for seed in seeds:
            # Counts that do not give the score are of something else than the score.
            if abs(float(score(counts[seed].sum(axis=0))) - recorded.get(seed, -1.0)) > 1e-4:
                return None
    if not seeds or len({counts[seed].shape for counts in arrays for seed in seeds}) != 1:
        return None
    if score is micro_f:
        # The same numbers with fewer columns.
        counts_of_row, counts_of_baseline = (
            {seed: array.sum(axis=1, keepdims=True) for seed, array in counts.items()}
            for counts in arrays
        )
        return bootstrap(counts_of_row, counts_of_baseline, score)
    return bootstrap(arrays[0], arrays[1], score)
