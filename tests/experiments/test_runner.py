"""Runs of a matrix: recorded whole, resumed after a kill, and failing one by one."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import count

import pytest
import spacy
from small_matrix import SMALL, matrix_content, read_all, write_matrix

from spacy_dice.counts import micro_f
from spacy_dice.experiments import runner, training
from spacy_dice.experiments.definition import runs_of
from spacy_dice.experiments.logger import WATCH, StopTraining
from spacy_dice.experiments.matrix import parse_matrix, read_matrix
from spacy_dice.experiments.packing import unpack
from spacy_dice.experiments.report import write_report
from spacy_dice.experiments.results import read_folder
from spacy_dice.experiments.runner import compare


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A matrix that ran through without a break: its YAML file and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    path = write_matrix(
        folder,
        losses={"CE": "dice.CE.v1", "DSC": "dice.DSC.v1", "CE + offset": {"calibrate": "CE"}},
    )
    summary = compare(read_matrix(path), folder / "out")
    assert (summary.trained, summary.found, summary.failed) == (12, 0, {})
    return path, folder / "out"


def test_what_a_record_holds(whole):
    records = read_all(whole[1])
    assert len(records) == 12
    record = records["entities/CE/1.json"]
    assert (record["dataset"], record["loss"], record["seed"]) == ("entities", "CE", 1)
    assert record["definition"]["steps"] == 6
    assert record["scores"] == ["ents_f", "ents_macro_f"]
    assert set(record["dev"]["ents_per_type"]) == {"CITY", "FRUIT"}
    assert [step for step, _ in record["curve"]] == [0, 3, 6]
    assert record["last_step"] == 6
    assert record["train_counts"] == {"CITY": 8, "FRUIT": 24}
    sizes = record["sizes"]
    assert {part: sizes[part] for part in ("train", "dev", "test")} == dict.fromkeys(
        ("train", "dev", "test"), 24
    )
    # The rows of the embeddings alone: 4 tables of 50 x 16.
    assert 3200 < sizes["parameters"] < 40_000
    assert records["tags/DSC/0.json"]["scores"] == ["tag_acc", "tag_macro_f"]


@pytest.mark.parametrize("scorer", ["spacy.tagger_scorer.v1", "dice.tagger_scorer.v1"])
def test_macro_f1_of_tags_whatever_the_scorer(whole, tmp_path, scorer):
    content = matrix_content(tmp_path, seeds=[0])
    del content["datasets"]["entities"]
    content["losses"]["CE + offset"] = {"calibrate": "CE"}
    overrides = {**SMALL, "components.tagger.scorer.@scorers": scorer}
    content["datasets"]["tags"]["overrides"] = overrides
    assert not compare(parse_matrix(content, name="m", owner="m"), tmp_path / "out").failed
    found = read_all(tmp_path / "out")
    before = read_all(whole[1])["tags/CE/0.json"]
    assert found["tags/CE/0.json"]["scores"] == ["tag_acc", "tag_macro_f"]
    for part in ("dev", "test"):
        for key in ("tag_acc", "tag_macro_f"):
            assert found["tags/CE/0.json"][part][key] == before[part][key]
            assert key in found["tags/CE + offset/0.json"][part]


@pytest.mark.parametrize("name", ["entities/CE/0.json", "entities/CE + offset/0.json"])
def test_counts_give_spacys_scores(whole, name):
    record = read_all(whole[1])[name]
    tp, fp, fn = unpack(record["test_counts"]).array.sum(axis=(0, 1))
    assert 2 * tp / max(2 * tp + fp + fn, 1) == pytest.approx(record["test"]["ents_f"], abs=1e-5)
    assert tp + fn == 32


def test_offsets_of_types_are_another_definition(whole, tmp_path):
    """And O alone has the one it had before there were others."""
    rows = {"CE": "dice.CE.v1", "O": {"calibrate": "CE"}, "T": {"calibrate": "CE", "types": True}}
    runs = runs_of(read_matrix(write_matrix(tmp_path, losses=rows)))
    found = {run.row.name: run.definition.get("calibrated") for run in runs}
    assert found == {"CE": None, "O": True, "T": "types"}


def test_the_metric_of_a_calibration_is_another_definition(whole, tmp_path):
    rows = {
        "CE": "dice.CE.v1",
        "O": {"calibrate": "CE"},
        "FRUIT": {"calibrate": "CE", "metric": "FRUIT"},
        "PEAR": {"calibrate": "CE", "metric": "PEAR"},
    }
    content = matrix_content(tmp_path, losses=rows, seeds=[0])
    del content["datasets"]["tags"]
    matrix = parse_matrix(content, name="m", owner="m")
    runs = {run.row.name: run for run in runs_of(matrix)}
    assert {name: run.definition.get("metric") for name, run in runs.items()} == {
        "CE": None,
        "O": None,
        "FRUIT": "FRUIT",
        "PEAR": "PEAR",
    }
    assert runs["O"].trained.name == runs["FRUIT"].trained.name
    assert runs["O"].hash != runs["FRUIT"].hash
    part = matrix.select(losses=["PEAR"])
    (error,) = compare(matrix, tmp_path / "out", part=part).failed.values()
    assert "the metric 'PEAR' is none of 'micro', 'macro', 'CITY', 'FRUIT'" in error


def test_counts_of_tags_give_the_accuracy(whole):
    record = read_all(whole[1])["tags/CE/0.json"]
    counts = unpack(record["test_counts"])
    tp, fp, _ = counts.array.sum(axis=(0, 1))
    assert tp / (tp + fp) == pytest.approx(record["test"]["tag_acc"], abs=1e-5)
    assert counts.array.shape == (24, 3, 3)


def test_best_model_of_the_dev_curve_is_evaluated(whole):
    for name, record in read_all(whole[1]).items():
        if "offset" not in name:
            best, step = max((score, step) for step, score in record["curve"])
            assert record["best_step"] == step
            assert record["dev"][record["scores"][0]] == pytest.approx(best, abs=1e-5)


def test_second_start_trains_nothing(whole):
    path, output = whole
    before = {p: p.stat().st_mtime_ns for p in output.rglob("*.json")}
    summary = compare(read_matrix(path), output)
    assert (summary.trained, summary.found, summary.failed) == (0, 12, {})
    assert {p: p.stat().st_mtime_ns for p in output.rglob("*.json")} == before


def test_a_watcher_sees_each_evaluation_and_may_end_the_training(tmp_path):
    content = matrix_content(tmp_path, seeds=[0], losses={"CE": "dice.CE.v1"})
    job = training.Job(runs=tuple(runs_of(parse_matrix(content, name="m", owner="m"))[:1]))
    seen = []

    def watch(step, score):
        seen.append((step, score))
        if step == 3:
            raise StopTraining

    token = WATCH.set(watch)
    try:
        with pytest.raises(StopTraining):
            training.run_job(job)
    finally:
        WATCH.reset(token)
    curve = training.run_job(job)[0]["curve"]
    assert [(step, pytest.approx(score, abs=1e-5)) for step, score in curve[:2]] == seen
    assert [step for step, _ in curve] == [0, 3, 6]


def test_the_test_scores_need_not_be_looked_at(whole):
    table = read_folder(whole[1], part="dev").tables["tags"]
    assert table.part == "dev"
    for name, runs in table.rows.items():
        found = read_all(whole[1])[f"tags/{name}/0.json"]
        assert runs.scores("tag_macro_f")[0] == found["dev"]["tag_macro_f"]
        assert not {"test", "test_counts"} & set(runs.by_seed[0])


def test_training_to_convergence(tmp_path):
    content = matrix_content(tmp_path, seeds=[0], losses={"CE": "dice.CE.v1"})
    del content["steps"], content["datasets"]["tags"]
    content["datasets"]["entities"].update(patience=9, max_steps=300)
    assert not compare(parse_matrix(content, name="m", owner="m"), tmp_path / "out").failed
    record = json.loads((tmp_path / "out/entities/CE/0.json").read_text(encoding="utf8"))
    curve = dict(map(tuple, record["curve"]))
    best = max(curve.values())
    first = min(step for step, score in curve.items() if score == best)
    # The dev score did not rise for 9 steps, and training ended long before the maximum.
    assert record["last_step"] == first + 9 < 300
    assert record["best_step"] == max(step for step, score in curve.items() if score == best)
    assert record["dev"]["ents_f"] == pytest.approx(best, abs=1e-5)
    assert list(curve) == list(range(0, record["last_step"] + 1, 3))
    seconds = record["curve_seconds"]
    assert len(seconds) == len(curve)
    assert seconds == sorted(seconds)
    assert record["best_seconds"] == seconds[list(curve).index(record["best_step"])]
    assert record["best_seconds"] <= record["wall_seconds"]


def test_starts_where_there_is_no_module_resource():
    """As on Windows."""
    code = "import sys; sys.modules['resource'] = None; import spacy_dice.experiments.runner"
    subprocess.run([sys.executable, "-c", code], check=True)


KILLED = """
import os, signal, sys
from pathlib import Path
from spacy_dice import _files
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.runner import compare

fsync, calls = os.fsync, []

def kill_in_the_third_file(descriptor):
    # The index, the first run, and the second run, which is written but not in its place.
    calls.append(descriptor)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)

_files.os.fsync = kill_in_the_third_file
compare(read_matrix(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_killed_and_resumed(whole, tmp_path):
    path, output = whole[0], tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, path, output], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    first = read_all(output)
    assert list(first) == ["entities/CE/0.json"]
    assert list(output.rglob("*unfinished"))
    before = (output / "entities/CE/0.json").stat().st_mtime_ns
    summary = compare(read_matrix(path), output)
    assert (summary.trained, summary.found, summary.failed) == (11, 1, {})
    assert (output / "entities/CE/0.json").stat().st_mtime_ns == before
    assert not list(output.rglob("*unfinished"))
    # As if nothing had happened, to the last digit.
    assert read_all(output) == read_all(whole[1])


def test_without_a_test_set_the_dev_set_is_reported(whole, tmp_path):
    content = matrix_content(tmp_path, seeds=[0])
    del content["datasets"]["tags"]
    test = content["datasets"]["entities"].pop("test")
    os.unlink(test)
    matrix = parse_matrix(content, name="small", owner="small.yml")
    assert compare(matrix, tmp_path / "out").failed == {}
    records, others = read_all(tmp_path / "out"), read_all(whole[1])
    assert "test" not in records["entities/CE/0.json"]
    assert records["entities/CE/0.json"]["dev"] == others["entities/CE/0.json"]["dev"]
    (table,) = read_folder(tmp_path / "out").tables.values()
    assert table.part == "dev"
    for name in ("CE", "DSC"):
        runs = table.rows[name]
        assert runs.scores("ents_f") == {0: records[f"entities/{name}/0.json"]["dev"]["ents_f"]}
        total = runs.counts(table.types)[0].sum(axis=0)
        assert micro_f(total) == pytest.approx(runs.scores("ents_f")[0], abs=1e-5)
    written = write_report(tmp_path / "out", plots=False)
    assert "Dev scores" in written.note
    assert "entity F1, test" not in (tmp_path / "out/report/report.md").read_text(encoding="utf8")


def test_a_clock_that_is_set_back(whole, tmp_path, monkeypatch):
    """Whatever asks for the time in this process is told a day less each time."""
    path, before = whole
    days = count()
    monkeypatch.setattr(time, "time", lambda: 1e9 - 86400 * next(days))
    matrix = read_matrix(path).select(datasets=["entities"], seeds=[0])
    assert compare(matrix, tmp_path / "out").trained == 3
    found = read_all(tmp_path / "out")
    assert found == {name: read_all(before)[name] for name in found}
    assert compare(matrix, tmp_path / "out").found == 3


def test_matrix_can_grow(whole, tmp_path):
    content = matrix_content(tmp_path, seeds=[0])
    del content["datasets"]["entities"]
    small = parse_matrix(content, name="small", owner="small.yml")
    assert compare(small, tmp_path / "out").trained == 2
    content["losses"]["TL"] = "dice.TL.v1"
    content["seeds"].append(1)
    large = parse_matrix(content, name="small", owner="small.yml")
    summary = compare(large, tmp_path / "out", part=large.select(losses=["TL"], seeds=[1]))
    assert (summary.trained, summary.found) == (1, 0)
    assert sorted(read_all(tmp_path / "out")) == [
        "tags/CE/0.json",
        "tags/DSC/0.json",
        "tags/TL/1.json",
    ]


def test_folder_of_another_matrix_is_refused(whole, tmp_path):
    content = matrix_content(tmp_path)
    other = parse_matrix(content, name="other", owner="other.yml")
    with pytest.raises(ValueError, match="holds the results of the matrix 'small', not of 'other'"):
        compare(other, whole[1])
    same_name = parse_matrix({**content, "steps": 9}, name="small", owner="small.yml")
    with pytest.raises(ValueError, match=r"another definition .* steps \(6, now 9\).*--replace"):
        compare(same_name, whole[1])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(ValueError, match=r"is not empty and has no matrix\.json"):
        compare(other, tmp_path / "full")
    with pytest.raises(FileExistsError, match="is not a folder"):
        compare(other, tmp_path / "full" / "file")


def test_failing_run_is_recorded_and_tried_again(tmp_path):
    content = matrix_content(
        tmp_path,
        seeds=[0],
        losses={
            "WCE": {"@losses": "dice.WCE.v1", "class_weights": {"N": 2.0}},
            "CE": "dice.CE.v1",
        },
    )
    matrix = parse_matrix(content, name="small", owner="small.yml")
    summary = compare(matrix, tmp_path / "out")
    assert (summary.trained, summary.found) == (3, 0)
    assert list(summary.failed) == ["entities / WCE / seed 0"]
    record = json.loads((tmp_path / "out/entities/WCE/0.json").read_text(encoding="utf8"))
    assert record["error"].startswith("ValueError: dice.WCE.v1: class_weights names the label 'N'")
    again = compare(matrix, tmp_path / "out")
    assert (again.trained, again.found, len(again.failed)) == (0, 3, 1)


def test_dask_cluster_that_loses_a_worker(whole, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    output = tmp_path / "out"
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        write = runner.write_json
        killed = []

        def kill_then_write(path, content):
            if not killed and path.name == "0.json":
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)
            write(path, content)

        monkeypatch.setattr(runner, "write_json", kill_then_write)
        matrix = read_matrix(whole[0])
        summary = compare(
            matrix,
            output,
            part=matrix.select(["tags"]),
            backend="dask",
            scheduler=cluster.scheduler_address,
        )
    assert killed
    assert (summary.trained, summary.found, summary.failed) == (6, 0, {})
    expected = {k: v for k, v in read_all(whole[1]).items() if k.startswith("tags")}
    assert read_all(output) == expected


def test_bad_backends_are_refused_before_anything_is_written(whole, tmp_path):
    matrix, output = read_matrix(whole[0]), tmp_path / "out"
    with pytest.raises(ValueError, match=r"'dsk' \(did you mean 'dask'\?\)"):
        compare(matrix, output, backend="dsk")
    with pytest.raises(ValueError, match="needs --scheduler"):
        compare(matrix, output, backend="dask")
    # Nobody listens at port 9.
    with pytest.raises(
        ConnectionError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9"
    ):
        compare(matrix, output, backend="dask", scheduler="tcp://127.0.0.1:9", connect_timeout=0.2)
    assert not output.exists()


def test_kept_pipelines_are_not_trained_again(tmp_path, monkeypatch):
    rows = {"CE": "dice.CE.v1", "CE + offset": {"calibrate": "CE"}}
    content = matrix_content(tmp_path, seeds=[0], losses=rows)
    del content["datasets"]["tags"]
    matrix, models = parse_matrix(content, name="kept", owner="kept"), tmp_path / "models"
    compare(matrix, tmp_path / "at once")
    only = matrix.select(losses=["CE"])
    assert compare(matrix, tmp_path / "in turn", part=only, models=models).failed == {}
    (kept,) = models.glob("*/*/*")
    assert sorted(path.name for path in kept.iterdir()) == ["log.json", "model-best"]
    spacy.load(kept / "model-best")

    def refuse_to_train(*arguments, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "train", refuse_to_train)
    assert compare(matrix, tmp_path / "in turn", models=models).failed == {}
    assert read_all(tmp_path / "in turn") == read_all(tmp_path / "at once")
    # What is defined differently is another pipeline.
    content["datasets"]["entities"]["train"] = content["datasets"]["entities"]["test"]
    changed = parse_matrix(content, name="kept", owner="kept")
    assert "trained again" in str(compare(changed, tmp_path / "other", models=models).failed)
