"""The study on disk: every trial is somebody's, and none is lost or counted twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState
from small_tune import space

from spacy_dice.tuning.budget import Budget
from spacy_dice.tuning.study import Study, read_trials

SIX = Budget.parse("6")


def states(study):
    return [trial.state.name for trial in study.trials()]


def test_fixed_trials_come_first_and_the_budget_ends_the_search(tmp_path):
    study = Study(tmp_path, space())
    names = []
    for _ in range(6):
        assert not study.is_over(SIX)
        with study.claim(SIX) as trial:
            names.append(study.space.row(trial).name)
            study.study.tell(trial, 0.5)
    assert names[:3] == ["stock", "recipe", "default loss"]
    with study.claim(SIX) as trial:
        assert trial is None
    assert study.is_over(SIX)
    assert not study.is_over(Budget.parse("7"))
    assert [trial.number for trial in read_trials(tmp_path)] == list(range(6))


def test_a_trial_is_somebodys_while_it_runs(tmp_path):
    """Two who share a study work on different trials, and wait for each other at the end."""
    two = Budget.parse("3")
    first, second = (Study(tmp_path, space()) for _ in range(2))
    with first.claim(two) as a, second.claim(two) as b, first.claim(two) as c:
        assert [a.number, b.number, c.number] == [0, 1, 2]
        with second.claim(two) as d:
            assert d is None
        assert not second.is_over(two)
        for study, trial in ((first, a), (second, b), (first, c)):
            study.study.tell(trial, 0.5)
    assert first.is_over(two)
    assert second.is_over(two)


def test_the_same_history_gives_the_same_trials(tmp_path):
    found = []
    for name in ("a", "b"):
        params = []
        for i in range(6):
            # As another process would.
            study = Study(tmp_path / name, space())
            with study.claim(SIX) as trial:
                params.append(trial.params)
                study.study.tell(trial, i / 10)
        found.append(params)
    assert found[0] == found[1]
    assert len({json.dumps(params) for params in found[0]}) == 6


CLAIM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from small_tune import space
from spacy_dice.tuning.budget import Budget
from spacy_dice.tuning.study import Study

study = Study(Path(sys.argv[1]), space())
with study.claim(Budget.parse("5")) as a, study.claim(Budget.parse("5")) as b:
    study.study.tell(a, 0.5)
    with study.claim(Budget.parse("5")) as c, study.claim(Budget.parse("5")) as d:
        d.report(0.3, 3)
        print(b.number, c.number, d.number, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_trials_of_who_was_killed_are_taken_over(tmp_path):
    support = str(Path(__file__).parents[1] / "support")
    done = subprocess.run(
        [sys.executable, "-c", CLAIM, str(tmp_path), support], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    lost = list(map(int, done.stdout.split()))
    assert lost == [1, 2, 3]
    before = {trial.number: trial for trial in read_trials(tmp_path)}
    budget = Budget.parse("5")
    study = Study(tmp_path, space())
    taken = []
    for _ in range(4):
        with study.claim(budget) as trial:
            taken.append(trial.number)
            assert trial.params == before.get(trial.number, trial).params
            study.study.tell(trial, 0.5)
    assert taken == [*lost, 4]
    assert study.is_over(budget)
    assert states(study) == ["COMPLETE"] * 5
    assert study.trials()[3].intermediate_values == {3: 0.3}


def test_who_is_killed_between_two_steps_of_a_claim_loses_nothing(tmp_path, monkeypatch):
    """A fixed trial that was put in the queue is taken from there; a bare one gets parameters."""
    study = Study(tmp_path, space())
    study.study.enqueue_trial(study.space.params_of("stock"), user_attrs={"fixed": "stock"})
    with study.claim(SIX) as trial:
        assert (trial.number, trial.user_attrs["fixed"]) == (0, "stock")
        study.study.tell(trial, 0.5)
    for _ in range(2):
        with study.claim(SIX) as trial:
            study.study.tell(trial, 0.5)
    study.study.ask()
    with Study(tmp_path, space()).claim(SIX) as trial:
        assert trial.number == 3
        assert "loss" in trial.params


def test_a_torn_line_of_the_journal_is_mended(tmp_path):
    study = Study(tmp_path, space())
    with study.claim(SIX) as trial:
        study.study.tell(trial, 0.5)
    journal = study.journal
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"wor')
    study = Study(tmp_path, space())
    with study.claim(SIX) as trial:
        assert trial.number == 1
    assert journal.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in journal.read_text("utf8").splitlines())


def test_failed_trials_say_why_and_count(tmp_path):
    study = Study(tmp_path, space())
    with study.claim(SIX) as trial:
        study.fail(trial.number, "out of memory")
    (found,) = study.trials()
    assert (found.state, found.user_attrs["error"]) == (TrialState.FAIL, "out of memory")
    assert SIX.spent(study.trials()) == 1


@pytest.mark.parametrize(("value", "ends"), [(0.9, False), (0.1, True)])
def test_who_falls_behind_ends_early(tmp_path, value, ends):
    study = Study(tmp_path, space(), rung=3)
    for score in (0.3, 0.5):
        with study.claim(SIX) as trial:
            trial.report(score, 3)
            trial.should_prune()
            study.study.tell(trial, score)
    with study.claim(SIX) as trial:
        trial.report(value / 10, 2)
        assert not trial.should_prune()
        trial.report(value, 3)
        assert trial.should_prune() is ends


def test_nothing_is_left_of_the_locks(tmp_path):
    study = Study(tmp_path, space())
    with study.claim(SIX) as trial:
        assert (tmp_path / "0.lock").exists()
        study.study.tell(trial, 0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["journal.log"]
    assert os.path.getsize(study.journal)
