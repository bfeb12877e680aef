"""Steps to the baseline's final score, on curves whose answer is known."""

import numpy
import pytest

from spacy_dice.experiments.convergence import arrivals, band, curve_of, curves_of
from spacy_dice.experiments.results import Results, Runs, Table
from spacy_dice.experiments.speed import NEVER, speed, speeds
from spacy_dice.experiments.wording import NONE


def make_run(*scores, every=100, seconds=None, **changes):
    run = {"curve": [[every * i, score] for i, score in enumerate(scores)], **changes}
    return run if seconds is None else {**run, "curve_seconds": seconds}


def make_table(dataset="d", **losses):
    rows = {row: Runs(by_seed=dict(enumerate(runs))) for row, runs in losses.items()}
    return Table(
        dataset=dataset,
        part="dev",
        baseline="A",
        scores=["ents_f"],
        trained="after 400 steps",
        types=[],
        train_counts={},
        rows=rows,
    )


SLOW = make_run(0.0, 0.1, 0.2, 0.3, 0.3, seconds=[0, 60, 120, 180, 240])
FAST = make_run(0.0, 0.4, 0.3, 0.3, 0.3, seconds=[0, 120, 240, 360, 480])
POOR = make_run(0.0, 0.1, 0.1, 0.1, 0.2, seconds=[0, 60, 120, 180, 240])


def test_curve():
    curve = curve_of(FAST)
    assert curve.best.tolist() == [0.0, 0.4, 0.4, 0.4, 0.4]
    assert (curve.final, curve.end) == (0.4, 100)
    assert [curve.first(score) for score in (0.0, 0.3, 0.4, 0.5)] == [0, 1, 1, None]
    assert curve_of(make_run(0.0, 0.5)).seconds is None
    # A calibrated row has the curve of the row that it comes from.
    calibrated = make_run(0.0, 0.5, definition={"calibrated": True})
    assert curve_of(calibrated) is None
    assert curve_of({"curve": []}) is None


def test_arrivals_are_paired_by_seed():
    table = make_table(A=[SLOW, POOR], B=[FAST, SLOW, FAST], C=[POOR, FAST])
    found = arrivals(table, "B")
    assert list(found) == [0, 1]
    assert [(a.steps, a.of_baseline, a.share, a.seconds) for a in found.values()] == [
        (100, 300, pytest.approx(1 / 3), 120),
        (200, 400, 0.5, 120),
    ]
    assert [a.steps for a in arrivals(table, "C").values()] == [numpy.inf, 100]
    # The baseline gets where it ends, by definition.
    assert [(a.steps, a.share) for a in arrivals(table, "A").values()] == [(300, 1), (400, 1)]
    assert arrivals(make_table(B=[FAST]), "B") == {}


def test_best_score_before_anything_was_learned_has_no_share():
    table = make_table(A=[make_run(0.3, 0.1)], B=[make_run(0.1, 0.3)])
    (arrival,) = arrivals(table, "B").values()
    assert (arrival.steps, arrival.share) == (100, None)
    assert speed(table).rows[1][3:6] == ["100", "100", NONE]


def test_band_goes_on_where_a_training_has_ended():
    short, coarse = make_run(0.0, 0.4), make_run(0.1, 0.2, 0.15, every=150)
    steps, scores = band(Runs(by_seed={0: short, 1: coarse}))
    assert steps.tolist() == [0, 100, 150, 300]
    assert scores.tolist() == [[0.0, 0.4, 0.4, 0.4], [0.1, 0.1, 0.2, 0.2]]


def test_table_of_a_data_set():
    sheet = speed(make_table(A=[SLOW] * 3, B=[FAST] * 3, C=[POOR, FAST, FAST], D=[POOR] * 3))
    assert sheet.title == "Steps to the final dev score of A"
    assert sheet.note.startswith("Dev scores in % after 400 steps;")
    assert sheet.rows == [
        ["A", "30.0", "300", "300", "300", "1.00", "3.0", "3 of 3"],
        ["B", "40.0", "100", "100", "100", "0.33", "2.0", "3 of 3"],
        ["C", "33.3", "100", "100", "100 to never", "0.33", "2.0", "2 of 3"],
        ["D", "20.0", "400", NEVER, NEVER, NONE, NONE, "0 of 3"],
    ]


def test_minutes_only_where_they_are_recorded():
    old = [make_run(0.0, 0.3), make_run(0.1, 0.3)]
    assert [row[6] for row in speed(make_table(A=old, B=old)).rows] == [NONE, NONE]


def test_half_of_the_seeds_is_not_enough():
    sheet = speed(make_table(A=[SLOW] * 2, B=[FAST, POOR]))
    assert sheet.rows[1][3:] == [NEVER, "100 to never", NONE, NONE, "1 of 2"]


def test_table_of_all_data_sets():
    first = make_table("d", A=[SLOW] * 3, B=[FAST] * 3, C=[POOR, FAST, FAST])
    second = make_table("e", A=[FAST], B=[SLOW])
    third = make_table("f", B=[SLOW])
    tables = {table.dataset: table for table in (first, second, third)}
    sheet = speeds(Results(name="m", baseline="A", tables=tables))
    # The third data set has no baseline.
    assert sheet.header == ["loss", "d", "e"]
    assert sheet.rows == [
        ["A", "300 (1.00)", "100 (1.00)"],
        ["B", "100 (0.33)", "never, 0 of 1 seeds"],
        ["C", "100 (0.33), 2 of 3 seeds", NONE],
    ]
    assert speeds(Results(name="m", baseline="A", tables={"f": third})) is None


def test_rows_without_curves_are_left_out():
    table = make_table(A=[SLOW], B=[make_run(0.1, definition={"calibrated": True})])
    assert [row[0] for row in speed(table).rows] == ["A"]
    assert curves_of(table.rows["B"]) == {}
