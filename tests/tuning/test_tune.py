"""From a config and corpora to a pipeline that is better, or stock where nothing is."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from small_matrix import ROOT
from small_tune import read_json, trials_of, write_data
from spacy.util import load_config

from spacy_dice.experiments.results import read_folder
from spacy_dice.experiments.training import failed_records, run_job
from spacy_dice.tuning import TuneResult, runner, tune, worker
from spacy_dice.tuning.budget import Budget
from spacy_dice.tuning.result import read_result
from spacy_dice.tuning.task import make_task
from spacy_dice.tuning.worker import SLOT, Slot, failed, open_study

# The stock config hardly learns; a setting of it can be searched that makes it learn.
SLOW = {"training.optimizer.learn_rate": 1e-6}
SEARCH = {"training.optimizer.learn_rate": [1e-6, 0.01], "losses": ["CE", "DSC"]}
RATE = "training.optimizer.learn_rate"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"), 6, **SLOW)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "out"
    return tune(**data, output=output, search=SEARCH, budget="6", seeds=2)


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_what_is_better_by_more_than_chance_is_taken(whole):
    best, stock = whole.best, whole.stock
    assert whole.chosen not in ("stock", "recipe", "default loss")
    assert best.settings == {RATE: 0.01}
    assert stock.settings == {}
    assert stock.loss == {"@losses": "dice.SE.v1"}
    assert best.better
    assert best.difference == pytest.approx(best.dev - stock.dev)
    assert best.difference > 0.3
    assert best.interval[0] > 0
    assert best.documents[0] > 0
    assert best.p < 0.05
    assert f"{best.name} is better than the stock loss by more than chance" in whole.reason
    assert sum(whole.trials.values()) == 6
    assert list(whole.seeds) == [1, 2]
    assert whole.seed in whole.seeds
    assert whole.cost > 6 * 0.25
    assert len(whole.candidates) == 3
    assert str(round(100 * best.test, 1)) in whole.to_text()


def test_the_search_sees_no_test_scores_and_the_choice_is_made_without_them(whole):
    """All candidates are compared alike, by cross-fitted decisions."""
    trials = whole.output / "trials"
    for path in trials.rglob("*.json"):
        assert "test" not in read_json(path)
        assert "test" not in read_json(path)["definition"]
    for trial in trials_of(whole.output):
        if trial["state"] == "COMPLETE":
            name = trial["attributes"]["name"]
            record = read_json(trials / "config" / f"{name} calibrated" / "0.json")
            assert trial["value"] == record["dev"]["spans_sc_f"]
            assert record["definition"]["metric"] == "micro"
    table = read_folder(whole.output / "final", part="dev").tables["config"]
    for name, candidate in whole.candidates.items():
        scores = table.rows[f"{name} calibrated"].scores("spans_sc_f")
        assert candidate.dev == pytest.approx(sum(scores.values()) / len(scores))
        assert whole.seed == max(scores, key=scores.get) or name != whole.chosen


def test_fixed_trials_never_end_early(whole):
    trials = trials_of(whole.output)
    assert [trial["attributes"]["fixed"] for trial in trials[:3]] == [
        "stock",
        "recipe",
        "default loss",
    ]
    assert [trial["state"] for trial in trials[:3]] == ["COMPLETE"] * 3
    for trial in trials:
        curve = list(trial["curve"].values())
        # The best so far: what training keeps.
        assert curve == sorted(curve)


PLAIN = """
import importlib.metadata as metadata, sys

every = metadata.distributions
metadata.distributions = lambda **context: [
    found for found in every(**context) if found.metadata["Name"] != "spacy-dice"
]
sys.modules["spacy_dice"] = None
import spacy
from spacy.tokens import DocBin

nlp = spacy.load(sys.argv[1])
docs = DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab)
scores = nlp.evaluate([spacy.training.Example(nlp.make_doc(d.text), d) for d in docs])
print(nlp.config["components"]["spancat"]["factory"], scores["spans_sc_f"])
"""


def test_the_pipeline_loads_in_plain_spacy_with_its_decisions(whole, data):
    model = whole.output / "model-best"
    command = [sys.executable, "-c", PLAIN, str(model), str(data["test"])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    factory, score = done.stdout.split()
    assert factory == "spancat"
    table = read_folder(whole.output / "final").tables["config"]
    recorded = table.rows[f"{whole.chosen} calibrated"].scores("spans_sc_f")[whole.seed]
    assert float(score) == pytest.approx(recorded, abs=1e-4)


def test_the_config_is_the_given_one_with_the_loss_and_its_settings(whole, data):
    given = load_config(data["config"])
    found = load_config(whole.output / "config.cfg")
    callback = found["initialize"].pop("before_init")
    given["initialize"].pop("before_init")
    assert callback == {"@callbacks": "dice.use_losses.v1", "losses": {"spancat": whole.best.loss}}
    assert found["training"]["optimizer"].pop("learn_rate") == 0.01
    given["training"]["optimizer"].pop("learn_rate")
    assert found == given
    trained = load_config(whole.output / "model-best" / "config.cfg")
    assert trained["initialize"]["before_init"] == callback
    assert trained["training"]["logger"]["@loggers"] == "spacy.ConsoleLogger.v1"
    assert set(trained["components"]["spancat"]) == set(given["components"]["spancat"])


def test_the_report_shows_what_was_tried_and_the_final_comparison(whole):
    folder = whole.output / "report"
    markdown = (folder / "report.md").read_text(encoding="utf8")
    page = (folder / "index.html").read_text(encoding="utf8")
    for trial in trials_of(whole.output):
        assert f"| {trial['attributes']['name']} |".replace("_", r"\_") in markdown
    assert f"{whole.chosen} (chosen)" in markdown
    assert whole.reason in page.replace("&gt;", ">").replace("&#39;", "'")
    assert "stock calibrated" in page
    assert (folder / "trials.svg").stat().st_size > 1000
    assert (folder / "parallel.png").stat().st_size > 1000
    for heading in ("## Result", "## What was tried", "## Summary", "## config"):
        assert f"\n{heading}\n" in f"\n{markdown}"


def test_a_second_call_trains_nothing(whole, data, monkeypatch):
    def refused(job):
        raise AssertionError(job)

    journal = (whole.output / "study" / "journal.log").read_bytes()
    before = files(whole.output / "final")
    for place in ("tuning.worker", "tuning.final", "experiments.runner"):
        monkeypatch.setattr(f"spacy_dice.{place}.run_job", refused)
    found = tune(**data, output=whole.output, search=SEARCH, budget="6", seeds=2)
    assert found == replace(whole, output=whole.output)
    assert (whole.output / "study" / "journal.log").read_bytes() == journal
    assert files(whole.output / "final") == before
    assert read_result(whole.output) == found
    assert read_result(whole.output.parent) is None


def test_a_larger_budget_goes_on_and_another_search_is_refused(data, tmp_path):
    """Without a gain the stock pipeline is what comes out, calibrated like the others."""
    settings = {"search": {"losses": ["CE"]}, "seeds": 2}
    output = tmp_path / "out"
    first = tune(**data, output=output, budget="3", **settings)
    assert first.chosen == "stock"
    assert first.reason.startswith("The stock loss is kept: ")
    assert (output / "config.cfg").read_bytes() == data["config"].read_bytes()
    config = load_config(output / "model-best" / "config.cfg")
    assert config["components"]["spancat"]["factory"] == "spancat"
    assert config["initialize"]["before_init"] is None
    before = trials_of(output)
    second = tune(**data, output=output, budget="4", **settings)
    assert trials_of(output)[:3] == before
    assert sum(second.trials.values()) == 4
    with pytest.raises(ValueError, match=r"holds another search; what differs: metric. Take"):
        tune(**data, output=output, metric="spans_sc_macro_f", **settings)
    with pytest.raises(ValueError, match=r"holds another search; what differs: search. Take"):
        tune(**data, output=output)


def test_a_training_that_fails_is_told_and_the_others_go_on(data, tmp_path, monkeypatch):
    def fails(job):
        if "DL" in str(job):
            return failed_records(job, "ValueError: no")
        return run_job(job)

    monkeypatch.setattr("spacy_dice.tuning.worker.run_job", fails)
    search = {"losses": ["DL"], RATE: [1e-6, 0.01]}
    output = tmp_path / "out"
    found = tune(**data, output=output, search=search, budget="8", seeds=2)
    failed = [trial for trial in trials_of(output) if trial["state"] == "FAIL"]
    assert {trial["attributes"]["error"] for trial in failed} == {"ValueError: no"}
    assert found.trials["failed"] == len(failed) > 0


def test_without_the_stock_loss_there_is_nothing_to_compare_with(data, tmp_path, monkeypatch):
    def fails(job):
        return failed_records(job, "ValueError: no")

    monkeypatch.setattr("spacy_dice.tuning.worker.run_job", fails)
    with pytest.raises(ValueError, match="the stock loss could not be trained: ValueError: no"):
        tune(**data, output=tmp_path / "out", budget="5")
    # And nothing else is tried.
    assert len(trials_of(tmp_path / "out")) == 1


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"metric": "spans_sc_ff"}, ValueError, r"got 'spans_sc_ff' \(did you mean 'spans_sc_f'"),
        ({"metric": "ents_f"}, ValueError, "metric must be one of"),
        ({"budget": "2"}, ValueError, "2 trials are too few: the 3 fixed trials"),
        ({"budget": "17 steps"}, ValueError, "17 steps are too few: .* need 18"),
        ({"budget": "much"}, ValueError, "expected a number and one of"),
        ({"seeds": 1}, ValueError, "seeds must be at least 2"),
        ({"component": "spncat"}, ValueError, r"\(did you mean 'spancat'\?\)"),
        ({"component": "tok2vec"}, ValueError, "the loss of 'tok2vec', .* cannot be chosen"),
        ({"backend": "lokky"}, ValueError, r"\(did you mean 'loky'\?\)"),
        ({"search": {"training.drop": [0, 1]}}, ValueError, r"\(did you mean 'training.dropout'"),
        ({"test": "no.spacy"}, FileNotFoundError, "no.spacy: there is no such file"),
        ({"config": "no.cfg"}, FileNotFoundError, "no.cfg: there is no such file"),
        ({"search": Path("no.yml")}, FileNotFoundError, "no.yml: there is no such file"),
    ],
)
def test_what_is_refused_before_anything_is_written(data, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        tune(**{**data, "output": tmp_path / "out", **changes})
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf8")
    with pytest.raises(FileExistsError, match=r"is not empty and has no tune.json"):
        tune(**data, output=tmp_path)
    with pytest.raises(FileExistsError, match="is not a folder"):
        tune(**data, output=tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_frozen_component_is_refused(data, tmp_path):
    path = tmp_path / "config.cfg"
    text = data["config"].read_text(encoding="utf8")
    path.write_text(text.replace("frozen_components = []", 'frozen_components = ["spancat"]'))
    with pytest.raises(ValueError, match=r"\[training.frozen_components\] has 'spancat'"):
        tune(**{**data, "config": path}, output=tmp_path / "out")


def test_another_callback_in_the_config_is_refused(data, tmp_path):
    text = data["config"].read_text(encoding="utf8")
    path = tmp_path / "config.cfg"
    block = '[initialize.before_init]\n@callbacks = "mine.v1"\n\n[initialize.components]'
    text = text.replace("before_init = null\n", "").replace("[initialize.components]", block)
    path.write_text(text, encoding="utf8")
    with pytest.raises(ValueError, match=r"\[initialize.before_init\] is 'mine.v1' already"):
        tune(**{**data, "config": path}, output=tmp_path / "out")


KILLED = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from spacy_dice.tuning import tune, worker

call, calls = worker.Watcher.__call__, []

def killed(self, step, score):
    calls.append(step)
    call(self, step, score)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

worker.Watcher.__call__ = killed
tune(**json.loads(sys.argv[1]))
"""


@pytest.mark.slow
def test_five_kills_lose_no_trial_and_count_none_twice(whole, data, tmp_path):
    settings = {key: str(path) for key, path in data.items()}
    settings |= {"output": str(tmp_path / "out"), "search": SEARCH, "budget": "6", "seeds": 2}
    support = str(ROOT / "tests" / "support")
    for evaluation in (2, 1, 4, 3, 5):
        command = [sys.executable, "-c", KILLED, json.dumps(settings), str(evaluation), support]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
    found = tune(**settings)
    assert trials_of(tmp_path / "out") == trials_of(whole.output)
    assert found == replace(whole, output=found.output)


def fill_once_killed(slot):
    """Kill the Dask worker that this process belongs to in the middle of the first trial."""
    marker = slot.task.output.parent / "killed"
    if not marker.exists():
        call = worker.Watcher.__call__

        def killed(self, step, score):
            call(self, step, score)
            marker.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

        worker.Watcher.__call__ = killed
    return worker.fill(slot)


@pytest.mark.slow
def test_a_dask_worker_that_dies_loses_no_trial(whole, data, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(runner, "fill", fill_once_killed)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        settings = {"backend": "dask", "scheduler": cluster.scheduler_address}
        found = tune(
            **data, output=tmp_path / "out", search=SEARCH, budget="6", seeds=2, **settings
        )
    assert (tmp_path / "killed").exists()
    assert trials_of(tmp_path / "out") == trials_of(whole.output)
    assert found.chosen == whole.chosen


@pytest.mark.slow
def test_two_processes_share_a_study(data, tmp_path):
    settings = {key: str(path) for key, path in data.items()}
    settings |= {"output": str(tmp_path / "out"), "search": SEARCH, "budget": "6", "seeds": 2}
    code = "import json, sys; from spacy_dice.tuning import tune; tune(**json.loads(sys.argv[1]))"
    command = [sys.executable, "-c", code, json.dumps(settings)]
    two = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in two:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    trials = trials_of(tmp_path / "out")
    assert [trial["number"] for trial in trials] == list(range(6))
    assert {trial["state"] for trial in trials} <= {"COMPLETE", "PRUNED"}
    assert isinstance(read_result(tmp_path / "out"), TuneResult)


@pytest.mark.slow
def test_worker_processes_share_a_study(data, tmp_path):
    found = tune(**data, output=tmp_path / "out", search=SEARCH, budget="5", seeds=2, jobs=2)
    assert sum(found.trials.values()) == 5
    assert found.trials["failed"] == 0


def test_a_trial_that_kills_its_process_fails_and_no_other(data, tmp_path):
    """What the pool says of a slot whose process died again and again."""
    paths = {key: path for key, path in data.items() if key != "config"}
    task, _ = make_task(
        data["config"],
        **paths,
        output=tmp_path,
        component=None,
        metric=None,
        search={},
        owner="search",
    )
    budget = Budget.parse("5")
    study = open_study(task)
    slots = [Slot(name=name, task=task, budget=budget) for name in "ab"]
    with study.claim(budget) as first, study.claim(budget) as second:
        for slot, trial in zip(slots, (first, second), strict=True):
            trial.set_user_attr(SLOT, str(slot))
        assert failed(slots[1], "the worker process died") == []
        assert failed(slots[1], "the worker process died") == []
    assert [trial["state"] for trial in trials_of(tmp_path)] == ["RUNNING", "FAIL"]
    assert trials_of(tmp_path)[1]["attributes"]["error"] == "the worker process died"
