"""Rows that are made of several trainings: students, ensembles, and the best of some."""

import json

import pytest
from small_matrix import SMALL, matrix_content, read_all

from spacy_dice.experiments import training
from spacy_dice.experiments.convergence import curves_of
from spacy_dice.experiments.definition import runs_of
from spacy_dice.experiments.matrix import parse_matrix
from spacy_dice.experiments.report import write_report
from spacy_dice.experiments.results import read_folder
from spacy_dice.experiments.runner import compare
from spacy_dice.experiments.tables import Analysis

# Quick enough for pipelines to differ after 6 steps.
QUICK = {**SMALL, "training.optimizer.learn_rate": 0.01}
ROWS = {
    "CE": "dice.CE.v1",
    "DSC": {"@losses": "dice.DSC.v1", "ce_weight": 0.5},
    "student": {"distill": "CE", "teachers": 2},
    "of both": {"distill": ["CE", "DSC"], "teachers": 1, "mix": 0.9, "loss": "dice.DSC.v1"},
    "student + offset": {"calibrate": "student"},
    "together": {"ensemble": "CE", "teachers": 2},
    "best": {"best_of": "CE", "runs": 3},
}


def parse(folder, losses=None, component="entities", **changes):
    content = matrix_content(folder, losses=ROWS if losses is None else losses, **changes)
    content["datasets"] = {component: {**content["datasets"][component], "overrides": QUICK}}
    return parse_matrix(content, name="several", owner="several.yml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a matrix, its records and its models."""
    folder = tmp_path_factory.mktemp("several")
    matrix = parse(folder, seeds=[7])
    models = folder / "models"
    assert compare(matrix, folder / "out", models=models).failed == {}
    return folder, {path.split("/")[1]: r for path, r in read_all(folder / "out").items()}, models


def test_what_is_trained(whole):
    """Pipelines that rows share are trained once, and teachers are those of the ensemble."""
    _, records, models = whole
    found = {name: record.get("trainings") for name, record in records.items()}
    assert found == {
        "CE": None,
        "DSC": None,
        "student": 3,
        "of both": 3,
        "student + offset": 3,
        "together": 2,
        "best": 3,
    }
    trained = [str(path.relative_to(models)).split("-")[0] for path in models.glob("*/*/*")]
    assert sorted(trained) == [
        "entities/CE/1007",
        "entities/CE/2007",
        "entities/CE/7",
        "entities/DSC/1007",
        "entities/DSC/7",
        "entities/of both/7",
        "entities/student/7",
    ]
    teachers = records["student"]["definition"]["loss"]["teachers"]
    assert teachers == records["together"]["definition"]["ensemble"]
    assert [name.split("-")[0] for name in teachers] == ["1007", "2007"]
    assert [name.split("-")[0] for name in records["best"]["definition"]["best_of"]] == [
        "7",
        "1007",
        "2007",
    ]


def test_settings_of_a_student(whole):
    loss = whole[1]["of both"]["definition"]["loss"]
    assert loss["@losses"] == "dice.Distill.v1"
    assert loss["mix"] == 0.9
    assert loss["loss"]["ce_weight"] == 2.0
    assert whole[1]["student"]["definition"]["loss"]["mix"] == 0.5


def test_the_best_is_that_with_the_best_dev_score(whole):
    _, records, models = whole
    logs = [json.loads(p.read_text()) for p in sorted(models.glob("entities/CE/*/log.json"))]
    scores = [max(score for _, score in log["curve"]) for log in logs]
    best = max(scores)
    assert best > min(scores) > 0
    assert max(score for _, score in records["best"]["curve"]) == pytest.approx(best, abs=1e-5)


def test_an_ensemble_has_the_parameters_of_all(whole):
    sizes = {name: record["sizes"]["parameters"] for name, record in whole[1].items()}
    assert sizes["together"] == 2 * sizes["CE"] == 2 * sizes["student"]


def test_kept_teachers_are_not_trained_again(whole, monkeypatch):
    folder, _, models = whole

    def refuse_to_train(*arguments, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "train", refuse_to_train)
    matrix = parse(folder, seeds=[7])
    assert compare(matrix, folder / "again", models=models).failed == {}
    assert read_all(folder / "again") == read_all(folder / "out")


def test_without_a_folder_for_models_it_is_the_same(whole, tmp_path):
    folder, records, _ = whole
    matrix = parse(folder, seeds=[7])
    part = matrix.select(losses=["student", "best"])
    assert compare(matrix, tmp_path / "out", part=part).failed == {}
    found = read_all(tmp_path / "out")
    assert found["entities/student/7.json"] == records["student"]
    assert found["entities/best/7.json"] == records["best"]


def test_one_teacher_is_no_ensemble(whole, tmp_path):
    """It is the run of that seed, in a matrix of taggers."""
    rows = {"CE": "dice.CE.v1", "alone": {"ensemble": "CE", "teachers": 1}}
    matrix = parse(tmp_path, rows, "tags", seeds=[0, 1000])
    assert compare(matrix, tmp_path / "out").failed == {}
    found = read_all(tmp_path / "out")
    for key in ("dev", "test", "curve", "sizes"):
        assert found["tags/alone/0.json"][key] == found["tags/CE/1000.json"][key]


def test_tables_tell_the_trainings(whole):
    analysis = Analysis(read_folder(whole[0] / "out"))
    sheet = analysis.overview()
    assert sheet.header[:2] == ["loss", "trainings"]
    assert {row[0]: row[1] for row in sheet.rows}["student"] == "3"
    scores = analysis.scores(analysis.results.tables["entities"])
    assert scores.header[:3] == ["loss", "seeds", "trainings"]
    assert {row[0]: row[2] for row in scores.rows}["best"] == "3"
    assert {row[0]: row[2] for row in scores.rows}["CE"] == "1"
    assert "Trainings are those of one seed." in scores.note
    times = analysis.times(analysis.results.tables["entities"])
    assert "together" not in [row[0] for row in times.rows]
    assert write_report(whole[0] / "out", whole[0] / "report", plots=False).rows == sheet.rows
    assert list(curves_of(analysis.results.tables["entities"].rows["student"])) == [7]
    assert not curves_of(analysis.results.tables["entities"].rows["best"])


def test_a_failing_teacher_fails_its_student_alone(tmp_path):
    rows = {
        "CE": "dice.CE.v1",
        "wrong": {"@losses": "dice.DSC.v1", "exclude": ["NOTHING"]},
        "student": {"distill": "wrong", "teachers": 1},
    }
    failed = compare(parse(tmp_path, rows, seeds=[0]), tmp_path / "out").failed
    assert {name.split(" / ")[1] for name in failed} == {"wrong", "student"}
    assert "NOTHING" in failed["entities / student / seed 0"]


def test_another_teacher_is_another_definition(tmp_path):
    def hashes(**loss):
        rows = {"CE": {"@losses": "dice.CE.v1", **loss}, "s": {"distill": "CE", "teachers": 1}}
        return {run.row.name: run.hash for run in runs_of(parse(tmp_path, rows, seeds=[0]))}

    assert hashes()["s"] != hashes(label_smoothing=0.1)["s"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"distill": "CE"}, "losses: x: the key 'teachers' is missing"),
        ({"distill": "XE", "teachers": 1}, "losses: x: distill: there is no loss 'XE' .*'CE'"),
        ({"distill": [], "teachers": 1}, "x: distill must be one or more names of rows, got"),
        ({"distill": 3, "teachers": 1}, "x: distill must be a list of names, got 3"),
        ({"distill": "CE", "teachers": 0}, "x: teachers must be an integer > 0, got 0"),
        ({"ensemble": "CE", "teachers": "3"}, "x: teachers must be an integer > 0, got '3'"),
        ({"ensemble": "CE", "teachers": 2, "mix": 1}, "x: there is no key 'mix'"),
        ({"best_of": ["CE", "T"], "runs": 2}, "x: best_of must be the name of a row, got"),
        ({"best_of": "CE", "teachers": 2}, "x: there is no key 'teachers'"),
        ({"distill": "T", "teachers": 1}, "x: distill: must name rows of losses .* got 'T'"),
        ({"ensemble": "S", "teachers": 1}, "x: ensemble: must name rows of losses .* got 'S'"),
        ({"calibrate": "E"}, "x: 'E' has no model of its own that can be calibrated"),
        ({"distill": "CE", "teachers": 1, "loss": {"calibrate": "CE"}}, "x: loss must be a reg"),
        ({"distill": "CE", "teachers": 1, "mix": 2}, r"mix must be in \(0, 1\], got 2"),
    ],
)
def test_rows_that_make_no_sense(tmp_path, row, message):
    rows = {
        "CE": "dice.CE.v1",
        "T": {"calibrate": "CE"},
        "S": {"distill": "CE", "teachers": 1},
        "E": {"ensemble": "CE", "teachers": 2},
        "x": row,
    }
    with pytest.raises(ValueError, match=message):
        runs_of(parse(tmp_path, rows, seeds=[0]))
