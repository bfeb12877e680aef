"""The folder of a matrix: what is wrong in it is named, and one runner writes to it at a time."""

import json
import subprocess
import sys
import tempfile

import pytest
from small_matrix import matrix_content

from spacy_dice._files import write_json
from spacy_dice._locks import locked
from spacy_dice.experiments.folder import LOCK, open_folder, own_folder, read_index, read_record
from spacy_dice.experiments.matrix import parse_matrix
from spacy_dice.experiments.results import read_folder
from spacy_dice.experiments.scratch import scratch_folder

WRONG = [[], 3, None, {}, {"error": "x"}, {"definition": None}]
INDEX = {"name": "m", "baseline": "A", "datasets": ["d"], "losses": ["A"]}
RECORD = {"dataset": "d", "loss": "A", "seed": 0, "definition": {}, "scores": ["s"], "dev": {}}


@pytest.mark.parametrize(
    "content", [*WRONG, {**RECORD, "definition": None}, {**RECORD, "seed": "0"}]
)
def test_record_of_the_wrong_shape(tmp_path, content):
    write_json(tmp_path / "matrix.json", INDEX)
    path = tmp_path / "d" / "A" / "0.json"
    write_json(path, RECORD)
    assert read_record(path) == RECORD
    path.write_text(json.dumps(content), encoding="utf8")
    for read in (lambda: read_record(path), lambda: read_folder(tmp_path)):
        with pytest.raises(ValueError, match=r"d.A.0\.json: .*must be .*remove it, and"):
            read()


def test_title_of_the_matrix_as_it_is_now(tmp_path):
    output, untitled = tmp_path / "out", matrix_content(tmp_path)
    output.mkdir()

    def index(**title):
        open_folder(output, parse_matrix({**untitled, **title}, name="m", owner="m.yml"))
        return read_index(output / "matrix.json")

    assert "title" not in index()
    assert index(title="Old") == {**index(), "title": "Old"}
    assert index(title="New")["title"] == "New"


@pytest.mark.parametrize("content", [*WRONG, {**INDEX, "datasets": [3]}, {**INDEX, "title": 3}])
def test_index_of_the_wrong_shape(tmp_path, content):
    path = tmp_path / "matrix.json"
    write_json(path, INDEX)
    assert read_index(path) == INDEX
    path.write_text(json.dumps(content), encoding="utf8")
    for read in (lambda: read_index(path), lambda: read_folder(tmp_path)):
        with pytest.raises(ValueError, match=r"matrix\.json: .*must be .*remove the folder"):
            read()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_no_json(tmp_path, content):
    path = tmp_path / "0.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"0\.json: is not JSON"):
        read_record(path)


def test_second_runner_on_a_folder_is_refused(tmp_path):
    output = tmp_path / "a" / "out"
    another = pytest.raises(ValueError, match="another `spacy dice compare`")
    with own_folder(output), another, own_folder(output):
        pass
    with own_folder(output):
        assert [path.name for path in output.iterdir()] == [LOCK]
    assert not list(output.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="is not a folder"), own_folder(tmp_path / "file"):
        pass


KILLED = """
import os, signal
from spacy_dice.experiments.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "model").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_scratch_folders_of_the_dead_are_cleared(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert len(list(tmp_path.glob("spacy-dice-*/model"))) == 1
    with scratch_folder() as first, scratch_folder() as second:
        assert not list(tmp_path.glob("spacy-dice-*/model"))
        assert first != second
        assert first.is_dir()
        assert second.is_dir()
    assert not list(tmp_path.iterdir())


def test_lock_is_not_taken_for_a_result(tmp_path):
    with locked(tmp_path / LOCK):
        write_json(tmp_path / "matrix.json", INDEX)
        with pytest.raises(ValueError, match="holds no runs yet"):
            read_folder(tmp_path)
