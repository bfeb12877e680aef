"""The session of the first hour, on the corpus that is part of the package."""

import re
import subprocess

import pytest

import first_hour
from spacy_dice.corpora import read_harbour, write_docs


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first_hour")
    write_docs(read_harbour(), folder / "corpus")
    commands = first_hour.commands_of(folder / "corpus", folder, max_steps=200)
    return commands, first_hour.session_of(commands)


def test_a_person_types_at_most_ten_commands(session):
    commands, text = session
    assert len(commands) <= 10
    assert [line[2:] for line in text.splitlines() if line.startswith("$ ")] == commands


def test_calibrating_raises_the_dev_score_and_both_pipelines_are_evaluated(session):
    before, after = re.findall(r"^  (?:before|after) +ents_f ([\d.]+)", session[1], re.MULTILINE)
    assert 0 < float(before) <= float(after)
    assert len(re.findall(r"^NER F +[\d.]+$", session[1], re.MULTILINE)) == 2


def test_what_is_printed_is_plain_text(session):
    assert "\x1b" not in session[1]
    assert "Warning" not in session[1]
    assert "\n\n\n" not in session[1]


def test_a_command_that_fails_ends_the_session(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        first_hour.session_of([f"python -m spacy evaluate {tmp_path}/no {tmp_path}/no.spacy"])


def test_the_recorded_session_has_these_commands():
    recorded = first_hour.RECORD.read_text(encoding="utf8")
    typed = [line[2:] for line in recorded.splitlines() if line.startswith("$ ")]
    assert typed == first_hour.commands_of(first_hour.CORPUS, first_hour.WORK)
