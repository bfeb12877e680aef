"""Files and folders that are there whole or not at all."""

import errno
import json
import os

import pytest

from spacy_dice import _files
from spacy_dice._files import (
    clear_unfinished,
    filled_folder,
    new_folder,
    replaced_folder,
    write_bytes,
    write_json,
    write_text,
)


@pytest.fixture
def full_disk(monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.os, "fsync", refuse)


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_files_are_written_into_new_folders(tmp_path):
    write_json(tmp_path / "a" / "b" / "x.json", {"a": [1], "b": {"c": "é\n"}})
    text = (tmp_path / "a" / "b" / "x.json").read_bytes()
    assert json.loads(text) == {"a": [1], "b": {"c": "é\n"}}
    assert text.count(b"\n") == 4
    write_text(tmp_path / "t", "é\r\n")
    assert (tmp_path / "t").read_bytes() == "é\r\n".encode()
    write_bytes(tmp_path / "t", b"")
    assert names(tmp_path) == ["a", "b", "t", "x.json"]


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, full_disk):
    path = tmp_path / "x.json"
    path.write_text("old", encoding="utf8")
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"new": 1})
    assert names(tmp_path) == ["x.json"]
    assert path.read_text(encoding="utf8") == "old"


def test_a_name_of_the_greatest_length(tmp_path):
    name = "x" * 255
    write_text(tmp_path / name, "")
    with new_folder(tmp_path / "y" / name):
        pass
    assert names(tmp_path) == [name, name, "y"]


def test_new_folder(tmp_path):
    with new_folder(tmp_path / "a" / "b") as folder:
        (folder / "file").write_text("x", encoding="utf8")
        assert not (tmp_path / "a" / "b").exists()
    assert names(tmp_path) == ["a", "b", "file"]
    os.umask(mask := os.umask(0))
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o777 & ~mask
    with pytest.raises(FileExistsError, match="exists already"), new_folder(tmp_path / "a"):
        pass


def test_new_folder_after_an_error(tmp_path):
    def fail(path):
        with new_folder(path) as folder:
            (folder / "file").write_text("x", encoding="utf8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path / "a")
    assert names(tmp_path) == []


def test_new_folder_that_somebody_else_made_meanwhile(tmp_path):
    def make_twice(path):
        with new_folder(path):
            path.mkdir()

    with pytest.raises(FileExistsError, match="exists already"):
        make_twice(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_filled_folder(tmp_path, monkeypatch):
    (tmp_path / "kept").touch()
    (tmp_path / "a.txt").write_text("old", encoding="utf8")
    moved = []
    replace = _files.Path.replace
    monkeypatch.setattr(
        _files.Path, "replace", lambda self, to: (moved.append(to.name), replace(self, to))
    )
    with filled_folder(tmp_path, last="a.txt") as folder:
        for name in ("a.txt", "z.txt"):
            (folder / name).write_text("new", encoding="utf8")
        assert (tmp_path / "a.txt").read_text(encoding="utf8") == "old"
    assert moved == ["z.txt", "a.txt"]
    assert names(tmp_path) == ["a.txt", "kept", "z.txt"]
    assert (tmp_path / "a.txt").read_text(encoding="utf8") == "new"


def test_replaced_folder(tmp_path):
    path = tmp_path / "folder"
    before = []
    for name in ("first", "second"):
        with replaced_folder(path) as folder:
            (folder / name).touch()
            assert [p.name for p in tmp_path.glob("folder/*")] == before
        before = [name]
        assert names(path) == [name]

    def fail():
        with replaced_folder(path) as folder:
            (folder / "third").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == ["folder", "second"]


def test_what_a_killed_process_leaves_is_cleared(tmp_path):
    (tmp_path / "a" / ".x.unfinished" / "new").mkdir(parents=True)
    (tmp_path / "a" / ".x.unfinished" / "new" / "file").touch()
    (tmp_path / ".1-2.unfinished").touch()
    (tmp_path / "a" / "kept.json").touch()
    clear_unfinished(tmp_path, deep=False)
    assert names(tmp_path) == [".x.unfinished", "a", "file", "kept.json", "new"]
    clear_unfinished(tmp_path)
    assert names(tmp_path) == ["a", "kept.json"]
