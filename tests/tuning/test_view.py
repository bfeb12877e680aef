"""What is told of a search while it runs, and how the command ends."""

import io

import pytest
from rich.console import Console
from small_tune import space, trials_of, write_data
from typer.testing import CliRunner

from spacy_dice.cli import app
from spacy_dice.experiments.training import failed_records
from spacy_dice.tuning import status
from spacy_dice.tuning.budget import Budget
from spacy_dice.tuning.study import Study
from spacy_dice.tuning.view import View, told
from spacy_dice.tuning.worker import NAME


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "study", space())


def tell(study, *values):
    """Tell the values of as many trials; None for one that fails."""
    budget = Budget.parse("100")
    for value in values:
        with study.claim(budget) as trial:
            trial.set_user_attr(NAME, study.space.row(trial).name)
            if value is None:
                study.fail(trial.number, "no")
            else:
                study.study.tell(trial, value)


def test_the_best_and_its_difference_to_stock(study, tmp_path):
    assert told(study.trials()) == "0 trials done"
    tell(study, 0.5)
    assert told(study.trials()) == "1 trials done; best stock 50.0"
    tell(study, 0.625, 0.6, None)
    expected = "3 trials done, 1 failed; best recipe 62.5 (+12.5 against stock)"
    assert told(study.trials()) == status(tmp_path) == expected
    with study.claim(Budget.parse("100")):
        assert told(study.trials()).startswith("3 trials done, 1 failed, 1 running; best")
    assert status(tmp_path / "other") == "0 trials done"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_on_a_terminal_and_nothing_without(study, terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120)
    with View(study, Budget.parse("4"), console) as view:
        tell(study, 0.5, 0.6)
        view.running(1)
        view.show()
    text = file.getvalue()
    assert ("2 trials done; best recipe 60.0 (+10.0 against stock)" in text) is terminal
    assert bool(text) is terminal


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"), 3)


def call(data, output, *more):
    options = [word for key in ("train", "dev") for word in (f"--{key}", str(data[key]))]
    arguments = ["tune", str(data["config"]), *options, "--output", str(output), *more]
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--metric", "spans_sc_fx"], "did you mean 'spans_sc_f'?"),
        (["--budget", "1"], "the 3 fixed trials"),
        (["--search", "no.yml"], "no.yml: there is no such file"),
        (["--component", "spans"], "there is no component 'spans'"),
    ],
)
def test_bad_input_is_a_line(data, tmp_path, more, message):
    result = call(data, tmp_path / "out", *more)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_interrupted_it_says_what_is_known_and_goes_on(data, tmp_path, monkeypatch):
    def interrupted(job):
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy_dice.tuning.worker.run_job", interrupted)
    result = call(data, tmp_path)
    assert result.exit_code == 130
    assert "Stopped: 0 trials done, 1 running. The same command goes on." in result.output
    monkeypatch.setattr(
        "spacy_dice.tuning.worker.run_job", lambda job: failed_records(job, "ValueError: no")
    )
    result = call(data, tmp_path)
    assert result.exit_code == 1
    assert "the stock loss could not be trained: ValueError: no" in result.output
    # The trial that was interrupted was taken over.
    assert [trial["number"] for trial in trials_of(tmp_path)] == [0]


def test_from_the_command_line_to_a_pipeline(data, tmp_path):
    result = call(data, tmp_path, "--budget", "3", "--seeds", "2")
    assert result.exit_code == 0, result.output
    assert "spancat: span F1 on the dev set, cross-fitted, in %, mean of 2 seeds" in result.output
    assert f"The pipeline: {tmp_path / 'model-best'}" in " ".join(result.output.split())
    assert (tmp_path / "report" / "index.html").is_file()
