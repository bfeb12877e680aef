"""What a report shows, and in which order."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .sheet import Sheet
from .speed import speed, speeds
from .tables import Analysis

SUMMARY = "Summary"
CAPTIONS = {
    "scores": "The main score of each loss: mean, 95 % interval over seeds, and the seeds.",
    "precision-recall": "Precision against recall; small marks are seeds, lines have equal F1.",
    "curves": "The best dev score so far while training: mean over seeds, lowest to highest. The "
    "dotted line is where the baseline ends.",
    "speed": "The step at which each seed of a loss reaches the final dev score of the same seed "
    "of the baseline. The large mark is the median; an arrow says that a seed never does.",
    "trials": "The best dev score so far of each trial while training, before its decisions are "
    "tuned; what ends early fell behind.",
    "parallel": "Each line is a trial that was trained to its end: its dev score with tuned "
    "decisions, its loss, and the settings that were searched.",
    "frequency": "F1 by how frequent types are in the training data.",
}


class Figure(NamedTuple):
    """A figure of a data set: its files are `STEM.svg` and `STEM.png`."""

    stem: str
    name: str

    @property
    def caption(self) -> str:
        """What it shows."""
        return CAPTIONS[self.name]


class Section(NamedTuple):
    """A heading, and the tables and figures under it."""

    title: str
    sheets: Sequence[Sheet]
    figures: Sequence[Figure] = ()


def sections_of(
    analysis: Analysis, figures: Mapping[str, Sequence[Figure]] | None = None
) -> list[Section]:
    """All tables and figures, by section.

    figures: by data set.
    """
    results = analysis.results
    if not results.tables:
        return []
    summary = _there(analysis.overview(), analysis.across(), speeds(results))
    sections = [Section(SUMMARY, summary)]
    for table in results.tables.values():
        makers = (analysis.scores, speed, analysis.rare, analysis.types, analysis.times)
        sheets = _there(*(make(table) for make in makers))
        sections.append(Section(table.dataset, sheets, (figures or {}).get(table.dataset, ())))
    return sections


def _there(*sheets: Sheet | None) -> list[Sheet]:
    return [sheet for sheet in sheets if sheet is not None]
