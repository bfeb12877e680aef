"""The report: its tables, its figures, its page, and the tables of the README."""

import json
import re
from pathlib import Path

import numpy
import pytest

from spacy_dice._files import write_json
from spacy_dice.counts import micro_f
from spacy_dice.experiments.evaluation import pack
from spacy_dice.experiments.records import read_folder
from spacy_dice.experiments.report import (
    names_in_readme,
    tables_for_readme,
    update_readme,
    write_report,
)
from spacy_dice.experiments.tables import Analysis
from spacy_dice.items import DocumentCounts

ROOT = Path(__file__).parents[2]
TYPES = ["CITY", "FRUIT", "*|*"]


def write_run(folder, dataset, loss, seed, missed, **changes):
    """A run whose 30 documents have an entity of each type, of which some are missed."""
    array = numpy.zeros((30, 3, 3), dtype="int64")
    array[:, :, 0] = 1
    array[:missed, 0] = [0, 0, 1]
    f = float(micro_f(array.sum(axis=0)))
    record = {
        "dataset": dataset,
        "loss": loss,
        "seed": seed,
        "hash": "",
        "definition": {},
        "versions": {"spacy": "3.8"},
        "scores": ["ents_f"],
        "dev": {"ents_f": f},
        "test": {"ents_f": f},
        "test_counts": pack(DocumentCounts(TYPES, array)),
        "train_counts": {"CITY": 5, "FRUIT": 50, "*|*": 10},
        "curve": [[0, 0.0], [5, f]],
        **changes,
    }
    write_json(folder / dataset / loss / f"{seed}.json", record)


@pytest.fixture
def folder(tmp_path):
    """Two data sets; B is clearly better than A, C just the same."""
    write_json(
        tmp_path / "matrix.json",
        {"name": "m", "baseline": "A", "datasets": ["d", "e"], "losses": ["A", "B", "C"]},
    )
    for dataset in ("d", "e"):
        for seed in range(4):
            write_run(tmp_path, dataset, "A", seed, missed=20 + seed)
            write_run(tmp_path, dataset, "B", seed, missed=5 + seed % 2)
            write_run(tmp_path, dataset, "C", seed, missed=20 + seed)
    write_json(
        tmp_path / "e" / "B" / "9.json",
        {"dataset": "e", "loss": "B", "seed": 9, "error": "ValueError: <no>"},
    )
    return tmp_path


def test_overview(folder):
    sheet = Analysis(read_folder(folder)).overview()
    assert sheet.header == ["loss", "d, entity F1", "e, entity F1"]
    assert [row[0] for row in sheet.rows] == ["A", "B", "C"]
    a, b, c = (row[1] for row in sheet.rows)
    assert re.fullmatch(r"8\d\.\d ± \d\.\d", a)
    assert re.fullmatch(r"9\d\.\d ± \d\.\d \(\+\d+\.\d\*\)", b)
    assert c == f"{a} (+0.0)"


def test_times_where_they_are_recorded(folder):
    analysis = Analysis(read_folder(folder))
    assert analysis.times(analysis.records.tables["d"]) is None
    for loss, factor in (("A", 1.0), ("B", 2.0)):
        for seed in range(4):
            seconds = {"cpu": (seed + 1) * factor / 10, "wall": 1.0}
            changes = {"step_seconds": seconds, "wall_seconds": 60 * factor}
            write_run(folder, "d", loss, seed, missed=5, **changes)
    analysis = Analysis(read_folder(folder))
    sheet = analysis.times(analysis.records.tables["d"])
    assert sheet.rows == [
        ["A", "250.0", "1000.0", "1.00", "60"],
        ["B", "500.0", "1000.0", "2.00", "120"],
    ]
    assert "relative to A" in sheet.to_markdown()


def test_sections(folder):
    analysis = Analysis(read_folder(folder))
    table = analysis.records.tables["d"]
    assert table.types == ["FRUIT", "*|*", "CITY"]
    assert table.rare_types() == ["CITY"]
    rare = analysis.rare(table)
    assert [row[-2:] for row in rare.rows][1] == ["100.0", rare.rows[1][-1]]
    types = analysis.types(table)
    assert types.rows[0][:3] == ["FRUIT", "50", "100 / 100 / 100"]
    across = analysis.across()
    assert [row[0] for row in across.rows] == ["B", "C"]
    assert across.rows[0][4:] == ["2 of 2", "2", "0"]


def test_no_bootstrap_where_counts_are_not_of_the_score(folder):
    write_run(folder, "d", "B", 0, missed=5, test={"ents_f": 0.5})
    analysis = Analysis(read_folder(folder))
    assert analysis.by_score["d", "ents_f"]["B"].bootstrap is None
    assert analysis.by_score["e", "ents_f"]["B"].bootstrap is not None


def test_files(folder):
    overview = write_report(folder)
    output = folder / "report"
    text = (output / "report.md").read_text(encoding="utf8")
    assert overview in text
    # What Markdown would take for a column or for emphasis.
    assert "| \\*\\|\\* | 10 |" in text
    assert "e / B / seed 9: ValueError: <no>" in text
    for name in ("scores", "precision-recall", "curves", "frequency"):
        assert f"]({name}.svg)" in text
        assert (output / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    page = (output / "index.html").read_text(encoding="utf8")
    assert page.count("<svg") == 4
    assert "&lt;no&gt;" in page
    # Self-contained: nothing is loaded, and ids are unique.
    assert not re.search(r'(src|href)="(?!#)(?!http://www\.w3\.org)', page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_same_records_same_files(folder, tmp_path):
    for name in ("x", "y"):
        write_report(folder, tmp_path / name)
    for path in (tmp_path / "x").iterdir():
        assert path.read_bytes() == (tmp_path / "y" / path.name).read_bytes(), path.name


def test_another_baseline(folder, tmp_path):
    overview = write_report(folder, tmp_path / "out", baseline="B", plots=False)
    assert "in brackets the difference from B" in overview
    ours, theirs = (Analysis(read_folder(folder, name)).by_score["d", "ents_f"] for name in "AB")
    assert theirs["A"].mean == pytest.approx(-ours["B"].mean)
    assert list(read_folder(folder).tables["d"].series) == ["A", "B", "C"]
    with pytest.raises(ValueError, match="baseline must be one of 'A', 'B', 'C', got 'D'"):
        write_report(folder, baseline="D")


def test_without_plots(folder):
    write_report(folder, folder / "out", plots=False)
    assert {path.name for path in (folder / "out").iterdir()} == {"report.md", "index.html"}


def test_one_seed(tmp_path):
    write_json(
        tmp_path / "matrix.json",
        {"name": "m", "baseline": "A", "datasets": ["d"], "losses": ["A", "B"]},
    )
    write_run(tmp_path, "d", "A", 0, missed=20)
    write_run(tmp_path, "d", "B", 0, missed=5)
    overview = write_report(tmp_path)
    assert "| A | 87.5 |" in overview
    assert "| B | 97.1 (+9.6) |" in overview
    assert "one seed" in overview


def test_only_failures(tmp_path):
    write_json(
        tmp_path / "matrix.json",
        {"name": "m", "baseline": "A", "datasets": ["d"], "losses": ["A"]},
    )
    with pytest.raises(ValueError, match="holds no runs yet"):
        write_report(tmp_path)
    write_json(
        tmp_path / "d" / "A" / "0.json", {"dataset": "d", "loss": "A", "seed": 0, "error": "E"}
    )
    assert write_report(tmp_path) == ""
    assert "d / A / seed 0: E" in (tmp_path / "report/report.md").read_text(encoding="utf8")


def test_no_results(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no matrix\.json"):
        write_report(tmp_path)


def test_readme(folder):
    tables = tables_for_readme(folder)
    assert list(tables) == ["m", "m/all", "m/d", "m/e"]
    text = (
        "# T\n<!-- dice-report:m -->\nold\n<!-- /dice-report -->\n"
        "<!-- dice-report:other -->\nkept\n<!-- /dice-report -->\n"
    )
    assert names_in_readme(text) == ["m", "other"]
    new = update_readme(text, tables)
    assert tables["m"] in new
    assert "old" not in new
    assert "kept" in new
    assert update_readme(new, tables) == new


def test_readme_without_its_markers(folder):
    tables = tables_for_readme(folder)
    with pytest.raises(ValueError, match="no `<!-- dice-report:m -->`"):
        update_readme("# T\n", tables)
    with pytest.raises(ValueError, match=r"no table 'm/dd' \(did you mean 'm/d'\?\)"):
        update_readme("<!-- dice-report:m/dd -->\n<!-- /dice-report -->", tables)


def test_tables_of_the_documentation_are_fresh():
    pages = {}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))):
        text = path.read_text(encoding="utf8")
        for matrix in {name.split("/")[0] for name in names_in_readme(text)}:
            pages.setdefault(matrix, {})[path.relative_to(ROOT).as_posix()] = text
    assert pages, "there is no table of measured results"
    for matrix, texts in pages.items():
        tables = tables_for_readme(ROOT / "metrics" / matrix)
        for page, text in texts.items():
            assert update_readme(text, tables) == text, (
                f"stale: run `python -m spacy dice report metrics/{matrix} --readme {page}`"
            )


def test_recorded_results_are_small():
    for path in (ROOT / "metrics").glob("*/*/*/*.json"):
        assert path.stat().st_size < 40_000, path
        if "curve" in (record := json.loads(path.read_text(encoding="utf8"))):
            assert len(record["curve"]) <= 200
