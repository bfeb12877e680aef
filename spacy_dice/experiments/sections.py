"""What a report shows, and in which order."""

from typing import NamedTuple

from .tables import Analysis, Sheet

CAPTIONS = {
    "scores": "The main score of each loss: mean, 95 % interval over seeds, and the seeds.",
    "precision-recall": "Precision against recall; small marks are seeds, lines have equal F1.",
    "curves": "The dev score while training: mean over seeds, lowest to highest.",
    "frequency": "F1 of the test set by how frequent types are in the training data.",
}


class Section(NamedTuple):
    """A heading and the tables under it."""

    title: str
    sheets: list[Sheet]


def sections_of(analysis: Analysis) -> list[Section]:
    """All tables, by section."""
    records = analysis.records
    if not records.tables:
        return []
    sections = [Section("Summary", _there(analysis.overview(), analysis.across()))]
    for table in records.tables.values():
        tables = (analysis.scores, analysis.rare, analysis.types, analysis.times)
        sheets = _there(*(make(table) for make in tables))
        sections.append(Section(table.dataset, sheets))
    return sections


def _there(*sheets: Sheet | None) -> list[Sheet]:
    return [sheet for sheet in sheets if sheet is not None]
