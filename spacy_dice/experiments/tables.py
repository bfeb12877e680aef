"""The tables of a report: scores, differences, types, times."""

from collections.abc import Sequence

import numpy

from ..counts import macro_f, micro_f, precision_recall_f
from . import wording
from .results import ENOUGH_SEEDS, Part, Results, Runs, Table
from .sheet import Sheet, titled, titled_by_data_set
from .statistics import Difference, differences, estimate, overall
from .wording import NONE, name_of_score, percent

CAUTION = (
    f"Caution: with fewer than {ENOUGH_SEEDS} seeds differences of several points are often chance."
)


class Analysis:
    """Results with all differences that the tables show; each is computed once."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.by_score: dict[tuple[str, str], dict[str, Difference]] = {
            (table.dataset, key): differences(table, key)
            for table in results.tables.values()
            for key in table.scores
        }
        self.overall = overall(results)

    def overview(self) -> Sheet:
        """The scores of each loss on each data set: the table for a README."""
        results = self.results
        columns = [(table, key) for table in results.tables.values() for key in table.scores]
        trainings = {
            row: _trainings(runs)
            for table in results.tables.values()
            for row, runs in table.rows.items()
        }
        several = any(number > 1 for number in trainings.values())
        rows = dict.fromkeys(row for table in results.tables.values() for row in table.rows)
        lines = []
        for row in rows:
            cells = [row, *[str(trainings[row])] * several]
            for table, key in columns:
                found = _scores(table, row, key)
                text = wording.mean_with_margin(estimate(found)) if found else NONE
                delta = self.by_score[table.dataset, key].get(row)
                cells.append(f"{text} ({wording.difference(delta)})" if delta else text)
            lines.append(cells)
        return Sheet(
            title=titled("Overview", results.trained),
            header=[
                "loss",
                *["trainings"] * several,
                *(f"{t.dataset}, {name_of_score(key)}" for t, key in columns),
            ],
            rows=lines,
            note=self._note() + " Trainings are those of one seed." * several,
        )

    def _note(self) -> str:
        part, baseline = self.results.part, self.results.baseline
        tables = self.results.tables.values()
        counts = {len(runs.by_seed) for table in tables for runs in table.rows.values()}
        seeds = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        scores = titled_by_data_set(f"{part.capitalize()} scores in %", self.results)
        if counts == {1}:
            return f"{scores}, one seed; in brackets the difference from {baseline}. {CAUTION}"
        note = (
            f"{scores}, mean of {seeds} seeds ± half of the 95 % interval "
            f"over seeds; in brackets the difference from {baseline}. *: significant "
            "(paired t-test over seeds, Holm-corrected for the number of losses, p < .05; and zero "
            f"is outside the 95 % bootstrap interval over {part} documents and seeds)."
        )
        return f"{note} {CAUTION}" if self.results.few_seeds else note

    def across(self) -> Sheet | None:
        """Each loss in the mean over all data sets; None for a single data set."""
        tables = [table for table in self.results.tables.values() if table.has_baseline]
        if len(tables) < 2 or not self.overall:
            return None
        lines = []
        for row, found in self.overall.items():
            deltas = [self.by_score[t.dataset, t.scores[0]].get(row) for t in tables]
            better = sum(d is not None and d.mean > 0 for d in deltas)
            lines.append(
                [
                    row,
                    wording.difference(found),
                    wording.interval(found.interval),
                    wording.p_value(found.p_holm),
                    f"{better} of {len(tables)}",
                    f"{sum(d is not None and d.significant and d.mean > 0 for d in deltas)}",
                    f"{sum(d is not None and d.significant and d.mean < 0 for d in deltas)}",
                ]
            )
        baseline = self.results.baseline
        return Sheet(
            title=titled("Over all data sets", self.results.trained),
            header=[
                "loss",
                f"difference from {baseline}",
                "95 % interval (seeds)",
                "p (Holm)",
                "data sets better",
                "significantly better",
                "significantly worse",
            ],
            rows=lines,
            note=titled_by_data_set("The mean of the main scores of all data sets", self.results)
            + ", paired by seed; in points.",
        )

    def scores(self, table: Table) -> Sheet:
        """A data set's losses: each score, its difference and how sure that is."""
        header = ["loss", "seeds"]
        several = any(_trainings(runs) > 1 for runs in table.rows.values())
        header += ["trainings"] * several
        # What has no test set is compared on the dev set.
        before: list[Part] = ["dev"] if table.part == "test" else []
        for key in table.scores:
            name = name_of_score(key)
            header += [f"{name}, {part}" for part in (*before, table.part)]
            header += ["difference", "95 % interval", "p (Holm)"]
        lines = []
        for row, runs in table.rows.items():
            cells = [row, str(len(runs.by_seed)), *[str(_trainings(runs))] * several]
            for key in table.scores:
                dev = [list(runs.scores(key, part).values()) for part in before]
                judged = _scores(table, row, key)
                delta = self.by_score[table.dataset, key].get(row)
                sure = (delta.bootstrap or delta.interval) if delta else None
                cells += [
                    *(percent(float(numpy.mean(found))) if found else NONE for found in dev),
                    wording.mean_with_margin(estimate(judged)) if judged else NONE,
                    wording.difference(delta),
                    wording.interval(sure),
                    wording.p_value(delta.p_holm) if delta else NONE,
                ]
            lines.append(cells)
        return Sheet(
            title=titled("Scores", table.trained),
            header=header,
            rows=lines,
            note=f"{titled('In %', table.trained)}. The difference is from {table.baseline} on the "
            f"{table.part} set, paired by seed; its interval is over {table.part} documents and "
            "seeds (bootstrap), and over seeds alone where a score has no counts. The dev score of "
            "a calibrated row is cross-fitted."
            + " Trainings are those of one seed." * several
            + f" {CAUTION}" * table.few_seeds,
        )

    def rare(self, table: Table) -> Sheet | None:
        """Precision, recall and F1 over all types, and F1 of rare and of frequent types."""
        rare = [table.types.index(label) for label in table.rare_types()]
        if not rare:
            return None
        frequent = [i for i in range(len(table.types)) if i not in rare]
        lines = []
        for row, runs in table.rows.items():
            totals = [counts.sum(axis=0) for counts in runs.counts(table.types).values()]
            if not totals:
                continue
            mean = numpy.mean([total.sum(axis=0) for total in totals], axis=0)
            precision, recall, _ = precision_recall_f(mean)
            lines.append(
                [
                    row,
                    percent(precision),
                    percent(recall),
                    _mean([micro_f(total) for total in totals]),
                    _mean([macro_f(total) for total in totals]),
                    _mean([micro_f(total[frequent]) for total in totals]),
                    _mean([micro_f(total[rare]) for total in totals]),
                ]
            )
        names = table.rare_types()
        return Sheet(
            title="Rare and frequent types",
            header=[
                "loss",
                "precision",
                "recall",
                "micro F1",
                "macro F1",
                f"F1, {len(frequent)} frequent types",
                f"F1, {len(rare)} rare types",
            ],
            rows=lines,
            note=f"{table.part.capitalize()} set, mean over seeds, in %. Rare is the half of the "
            "types with fewer training examples: "
            f"{', '.join(names[:12])}{' …' if len(names) > 12 else ''}.",
        )

    def types(self, table: Table) -> Sheet | None:
        """Precision, recall and F1 of each type."""
        if not table.types:
            return None
        arrays = {
            row: [counts.sum(axis=0) for counts in runs.counts(table.types).values()]
            for row, runs in table.rows.items()
        }
        lines = []
        for i, label in enumerate(table.types):
            cells = [label, str(table.train_counts.get(label, 0))]
            for totals in arrays.values():
                cells.append(_prf([total[i] for total in totals]) if totals else NONE)
            lines.append(cells)
        return Sheet(
            title="Types",
            header=["type", "in training", *arrays],
            rows=lines,
            note=f"Precision / recall / F1 on the {table.part} set, mean over seeds, in %.",
        )

    def times(self, table: Table) -> Sheet | None:
        """The time of a training step; None where it was not recorded."""
        lines = []
        baseline = _step_times(table.rows.get(table.baseline))
        for row, runs in table.rows.items():
            times = _step_times(runs)
            if not times:
                continue
            ratios = [times[seed][0] / baseline[seed][0] for seed in times if seed in baseline]
            lines.append(
                [
                    row,
                    *(
                        f"{1000 * numpy.mean(column):.1f}"
                        for column in zip(*times.values(), strict=True)
                    ),
                    f"{numpy.mean(ratios):.2f}" if ratios else NONE,
                    f"{numpy.mean([run['wall_seconds'] for run in runs.by_seed.values()]):.0f}",
                ]
            )
        if not lines:
            return None
        return Sheet(
            title="Time",
            header=[
                "loss",
                "step, processor ms",
                "step, wall ms",
                f"processor, relative to {table.baseline}",
                "run, wall s",
            ],
            rows=lines,
            note="Of a step the median in a run, without evaluation; means over seeds. The "
            "relation is paired by seed, and so by batches. Wall times depend on what else the "
            "machine did, those of a run on its evaluations too.",
        )


def _step_times(runs: Runs | None) -> dict[int, tuple[float, float]]:
    """Seconds of the processor and of the clock for a training step, by seed."""
    by_seed = runs.by_seed if runs is not None else {}
    recorded = {seed: run.get("step_seconds") for seed, run in by_seed.items()}
    return {seed: (times["cpu"], times["wall"]) for seed, times in recorded.items() if times}


def _trainings(runs: Runs) -> int:
    """How many pipelines are trained for a row with one seed."""
    return max(run.get("trainings", 1) for run in runs.by_seed.values())


def _scores(table: Table, row: str, key: str) -> list[float]:
    runs = table.rows.get(row)
    return list(runs.scores(key).values()) if runs else []


def _mean(values: Sequence[object]) -> str:
    return percent(float(numpy.mean(numpy.asarray(values, dtype="float64"))))


def _prf(totals: Sequence[object]) -> str:
    scores = precision_recall_f(numpy.asarray(totals)).mean(axis=0)
    return " / ".join(f"{100 * value:.0f}" for value in scores)
