"""`spacy dice answer`: a question about a text, from the shell."""

import pytest
from questions import QUESTIONS, trained_reader
from typer.testing import CliRunner

from spacy_dice.cli import app


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("reader") / "model"
    trained_reader("document").to_disk(path)
    return str(path)


def ask(*arguments):
    return CliRunner().invoke(app, ["answer", *arguments])


def test_answers_are_printed(model, tmp_path):
    query, context, expected = QUESTIONS[0]
    result = ask(model, query, context)
    assert result.exit_code == 0, result.output
    score, place, text = result.stdout.rstrip("\n").split("\t")
    start, end = map(int, place.split(":"))
    assert context[start:end] == text == expected
    assert 0.5 < float(score) <= 1
    (tmp_path / "context.txt").write_text(context, encoding="utf8")
    assert ask(model, query, str(tmp_path / "context.txt")).stdout == result.stdout
    assert ask(model, query, context, "--window", "100", "--stride", "50").stdout == result.stdout


def test_there_may_be_no_answer(model):
    query, context, expected = QUESTIONS[2]
    assert expected is None
    assert ask(model, query, context).stdout == ""


def test_what_is_wrong_is_one_line(model):
    result = ask(model, " ", "A text.")
    assert result.exit_code == 1
    assert result.stderr.startswith("✘ make_query_doc: query must have words")
    assert ask(model, "Who?", "A text.", "--window", "3").exit_code == 1
