"""A study: a matrix of configs/paper, and what is recorded of it."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from statistics import fmean

from spacy_dice.experiments.folder import INDEX
from spacy_dice.experiments.matrix import Matrix
from spacy_dice.experiments.results import Results, Runs, Table, read_folder
from spacy_dice.experiments.statistics import Difference, paired
from spacy_dice.experiments.wording import name_of_score

BASELINE = "CE"
CALIBRATED = ", calibrated"
TRANSFORMER = "paths.transformer"
# What these scores are here; others have a name.
SCORES = {
    "cats_score": "F1 of the category",
    "cats_micro_f": "accuracy",
    "ents_p": "precision",
    "ents_r": "recall",
}


class Study:
    """A matrix and what is recorded of it.

    name: that of the file of the matrix and of the folder of its results.
    """

    def __init__(self, name: str, matrix: Matrix, results: Path) -> None:
        self.name, self.matrix = name, matrix
        self.folder = results / name

    @cached_property
    def results(self) -> Results | None:
        """What is recorded; None if nothing is."""
        if not (self.folder / INDEX).is_file() or not any(self.folder.glob("*/*/*.json")):
            return None
        return read_folder(self.folder)

    @property
    def tables(self) -> Mapping[str, Table]:
        """By data set."""
        return self.results.tables if self.results else {}

    def runs(self, dataset: str, row: str) -> Runs | None:
        """The runs of a row, if there are any."""
        table = self.tables.get(dataset)
        return table.rows.get(row) if table else None

    def scores(self, dataset: str, row: str, key: str = "") -> dict[int, float]:
        """A score by seed, the main one without a key."""
        runs = self.runs(dataset, row)
        key = key or self.matrix.datasets[dataset].scores[0]
        return runs.scores(key) if runs else {}

    def gain(self, dataset: str, row: str, baseline: str = BASELINE) -> Difference | None:
        """What a row gains over another in the main score."""
        return paired(self.scores(dataset, row), self.scores(dataset, baseline))

    def mean_gain(self, row: str) -> Difference | None:
        """The same in the mean over the data sets that have both, by the seeds that all have."""
        found = [
            (self.scores(dataset, row), self.scores(dataset, BASELINE))
            for dataset in self.matrix.datasets
        ]
        found = [pair for pair in found if all(pair)]
        if not found:
            return None
        seeds = set.intersection(*(set(scores) for pair in found for scores in pair))
        ours, theirs = (
            {seed: fmean(pair[i][seed] for pair in found) for seed in seeds} for i in (0, 1)
        )
        return paired(ours, theirs)

    def model(self, dataset: str) -> str:
        """What is trained: the transformer, or a tok2vec."""
        overrides = self.matrix.datasets[dataset].overrides or {}
        return Path(str(overrides.get(TRANSFORMER, "tok2vec"))).name

    @property
    def models(self) -> str:
        """That of all data sets with runs, or of all where none has any."""
        names = list(self.tables) or list(self.matrix.datasets)
        return ", ".join(dict.fromkeys(self.model(name) for name in names))


def name_of(key: str) -> str:
    """What readers call a score."""
    return SCORES.get(key) or name_of_score(key)


def losses_of(study: Study) -> list[str]:
    """The rows that are trained, but the baseline."""
    rows = study.matrix.rows.values()
    return [row.name for row in rows if row.calibrate is None and row.name != BASELINE]


def share_of(dataset: str) -> int:
    """The percentage in the name of a data set.

    >>> share_of("sms_spam_05")
    5
    """
    return int(dataset.rpartition("_")[2])
