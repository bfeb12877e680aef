"""How much a search may cost."""

import pytest
from optuna.trial import TrialState, create_trial

from spacy_dice.tuning.budget import Budget


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", Budget(20, "trials")),
        ("1 trial", Budget(1, "trials")),
        ("1.5 minutes", Budget(1.5, "minutes")),
        ("90min", Budget(90, "minutes")),
        ("50_000 Steps", Budget(50000, "steps")),
    ],
)
def test_what_is_said(text, expected):
    assert Budget.parse(text) == expected


@pytest.mark.parametrize("text", ["", "trials", "-3", "0", "20 hours", "nan", "1e3", "3 4"])
def test_what_is_refused(text):
    with pytest.raises(ValueError, match="budget: ") as error:
        Budget.parse(text)
    assert repr(text) in str(error.value)


def test_what_was_spent():
    trials = [
        create_trial(value=0.5, user_attrs={"seconds": 90.0, "steps": 600}),
        create_trial(state=TrialState.FAIL, user_attrs={"seconds": 30.0, "steps": 3}),
        create_trial(state=TrialState.RUNNING),
        create_trial(state=TrialState.WAITING),
    ]
    assert Budget.parse("20 trials").spent(trials) == 3
    assert Budget.parse("20 minutes").spent(trials) == 2.0
    assert Budget.parse("20 steps").spent(trials) == 603


def test_fixed_trials_need_a_part_of_it():
    Budget.parse("2 trials").check(2, 600)
    Budget.parse("1200 steps").check(2, 600)
    Budget.parse("1 minute").check(2, 600)
    for text in ("1 trial", "1199 steps"):
        with pytest.raises(ValueError, match="are too few: the 2 fixed trials, the stock loss"):
            Budget.parse(text).check(2, 600)
