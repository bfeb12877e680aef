"""The report: its tables, its figures, its page, and the tables of the README."""

import json
import re
from pathlib import Path

import numpy
import pytest
from small_results import write_results, write_run

from spacy_dice._files import write_json
from spacy_dice.experiments.marked import marked_tables, names_in, replace_tables
from spacy_dice.experiments.packing import pack
from spacy_dice.experiments.report import write_report
from spacy_dice.experiments.results import read_folder
from spacy_dice.experiments.sections import sections_of
from spacy_dice.experiments.tables import Analysis
from spacy_dice.items import DocumentCounts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    write_results(tmp_path)
    return tmp_path


def test_overview(folder):
    sheet = Analysis(read_folder(folder)).overview()
    assert sheet.header == ["loss", "d, entity F1", "e, entity F1"]
    assert [row[0] for row in sheet.rows] == ["A", "B", "C"]
    a, b, c = (row[1] for row in sheet.rows)
    assert re.fullmatch(r"8\d\.\d ± \d\.\d", a)
    assert re.fullmatch(r"9\d\.\d ± \d\.\d \(\+\d+\.\d\*\)", b)
    assert c == f"{a} (+0.0)"


def test_tables_say_how_long_is_trained(folder):
    def titles():
        analysis = Analysis(read_folder(folder))
        sheets = [sheet for section in sections_of(analysis) for sheet in section.sheets]
        return {sheet.title for sheet in sheets}, analysis.overview()

    def train(dataset, **definition):
        for loss in "ABC":
            for seed in range(4):
                write_run(folder, dataset, loss, seed, missed=5 + seed, definition=definition)

    assert "Overview" in titles()[0]
    train("d", steps=600)
    train("e", steps=600)
    names, overview = titles()
    assert {"Overview after 600 steps", "Scores after 600 steps"} <= names
    assert overview.header[1] == "d, entity F1"
    assert overview.note.startswith("Test scores in % after 600 steps, mean of 4 seeds")
    train("e", patience=50, max_steps=9000)
    names, overview = titles()
    assert {
        "Overview after 600 steps or trained until dev stops rising",
        "Scores after 600 steps",
        "Scores, trained until dev stops rising",
    } <= names
    assert overview.note.startswith(
        "Test scores in % (d after 600 steps, e trained until dev stops rising), mean of 4 seeds"
    )
    train("e", steps=1200)
    assert "Overview after 600 to 1,200 steps" in titles()[0]
    train("d", patience=50, max_steps=9000)
    train("e", patience=50, max_steps=9000)
    assert "Overview, trained until dev stops rising" in titles()[0]


def test_caution_below_five_seeds(folder):
    def cautious():
        analysis = Analysis(read_folder(folder))
        notes = analysis.overview().note, *map(note_of, analysis.results.tables.values())
        return ["Caution: with fewer than 5 seeds" in note for note in notes]

    def note_of(table):
        return Analysis(read_folder(folder)).scores(table).note

    assert cautious() == [True, True, True]
    for loss in "ABC":
        write_run(folder, "d", loss, 4, missed=5)
    assert cautious() == [True, False, True]
    for loss in "ABC":
        write_run(folder, "e", loss, 4, missed=5)
    assert cautious() == [False, False, False]


def test_times_where_they_are_recorded(folder):
    analysis = Analysis(read_folder(folder))
    assert analysis.times(analysis.results.tables["d"]) is None
    for loss, factor in (("A", 1.0), ("B", 2.0)):
        for seed in range(4):
            seconds = {"cpu": (seed + 1) * factor / 10, "wall": 1.0}
            changes = {"step_seconds": seconds, "wall_seconds": 60 * factor}
            write_run(folder, "d", loss, seed, missed=5, **changes)
    analysis = Analysis(read_folder(folder))
    sheet = analysis.times(analysis.results.tables["d"])
    assert sheet.rows == [
        ["A", "250.0", "1000.0", "1.00", "60"],
        ["B", "500.0", "1000.0", "2.00", "120"],
    ]
    assert "relative to A" in sheet.to_markdown()


def test_sections(folder):
    analysis = Analysis(read_folder(folder))
    table = analysis.results.tables["d"]
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


KINDS = ("scores", "precision-recall", "curves", "speed", "frequency")


def test_files(folder):
    overview = write_report(folder)
    output = folder / "report"
    text = (output / "report.md").read_text(encoding="utf8")
    assert overview.to_markdown() in text
    # What Markdown would take for a column or for emphasis.
    assert "| \\*\\|\\* | 10 |" in text
    assert "| e / B / seed 9 | ValueError: &lt;no> |" in text
    for name in [f"{dataset}-{kind}" for dataset in "de" for kind in KINDS]:
        assert f"]({name}.svg)" in text
        assert (output / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_names_and_errors_are_no_markup(folder):
    nasty = "<script>\n# heading ![x](http://x.org)"
    types = ["CITY", "FRUIT", nasty]
    for loss in "ABC":
        for seed in range(4):
            array = numpy.ones((30, 3, 3), dtype="int64")
            changes = {
                "test_counts": pack(DocumentCounts(types, array)),
                "train_counts": {nasty: 3},
            }
            write_run(folder, "d", loss, seed, missed=5, **changes)
    failed = {"dataset": "e", "loss": "B", "seed": 9, "error": nasty}
    write_json(folder / "e" / "B" / "9.json", failed)
    write_report(folder, plots=False)
    text = (folder / "report" / "report.md").read_text(encoding="utf8")
    assert text.count("&lt;script> \\# heading !\\[x\\](http://x.org)") == 2
    assert "<script" not in text
    assert not re.search(r"^(# heading|!\[x\])", text, re.MULTILINE)
    page = (folder / "report" / "index.html").read_text(encoding="utf8")
    assert page.count("<script") == 1


def test_only_figures_that_say_something(folder):
    """One type has no place among others, and one loss nothing to be held against."""
    for dataset in ("d", "e"):
        for loss in ("B", "C"):
            for seed in range(4):
                (folder / dataset / loss / f"{seed}.json").unlink()
        for seed in range(4):
            write_run(folder, dataset, "A", seed, missed=20, train_counts={"CITY": 5})
    write_report(folder)
    names = {path.stem for path in (folder / "report").glob("*.svg")}
    assert names == {f"{d}-{k}" for d in "de" for k in ("scores", "precision-recall", "curves")}


def test_same_records_same_files(folder, tmp_path):
    for name in ("x", "y"):
        write_report(folder, tmp_path / name)
    for path in (tmp_path / "x").iterdir():
        assert path.read_bytes() == (tmp_path / "y" / path.name).read_bytes(), path.name


def test_another_baseline(folder, tmp_path):
    overview = write_report(folder, tmp_path / "out", baseline="B", plots=False)
    assert "in brackets the difference from B" in overview.note
    ours, theirs = (Analysis(read_folder(folder, name)).by_score["d", "ents_f"] for name in "AB")
    assert theirs["A"].mean == pytest.approx(-ours["B"].mean)
    assert list(read_folder(folder).tables["d"].rows) == ["A", "B", "C"]
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
    overview = write_report(tmp_path, plots=False)
    assert overview.rows == [["A", "87.5"], ["B", "97.1 (+9.6)"]]
    assert "one seed; " in overview.note
    assert "Caution: with fewer than 5 seeds" in overview.note


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
    assert write_report(tmp_path) is None
    assert "| d / A / seed 0 | E |" in (tmp_path / "report/report.md").read_text(encoding="utf8")


def test_no_results(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no matrix\.json"):
        write_report(tmp_path)


MARKED = (
    "# T\n<!-- dice-report:m -->\nold\n<!-- /dice-report -->\n"
    "<!-- dice-report:other -->\nkept\n<!-- /dice-report -->\n"
)


def test_marked_tables_of_other_files(folder, tmp_path):
    analysis = Analysis(read_folder(folder))
    tables = marked_tables(analysis)
    assert set(tables) == {
        "m",
        "m/all",
        "m/steps",
        *(f"m/{d}{steps}" for d in "de" for steps in ("", "/steps")),
    }
    assert names_in(MARKED) == ["m", "other"]
    new = replace_tables("README", MARKED, tables)
    assert tables["m"] in new
    assert "old" not in new
    assert "kept" in new
    assert replace_tables("README", new, tables) == new
    # As soon as one file has a marker, those that have none are left alone.
    paths = [tmp_path / name for name in ("README.md", "docs.md", "other.md")]
    texts = (MARKED, "<!-- dice-report:m/d -->\r\n<!-- /dice-report -->", "nothing\r\n")
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode("utf8"))
    before = paths[2].stat().st_mtime_ns
    overview = write_report(folder, plots=False, readmes=paths)
    assert overview.to_markdown() in paths[0].read_text(encoding="utf8")
    assert paths[2].stat().st_mtime_ns == before
    lines = paths[1].read_bytes().decode("utf8").split("\r\n")
    assert "\n".join(lines[2:-1]) == tables["m/d"]


def test_marked_tables_have_the_baseline_of_the_report_and_are_made_once(
    folder, tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(
        "spacy_dice.experiments.report.Analysis",
        lambda records: made.append(1) or Analysis(records),
    )
    readme = tmp_path / "README.md"
    readme.write_text(MARKED, encoding="utf8")
    overview = write_report(folder, baseline="B", plots=False, readmes=[readme])
    assert "the difference from B" in overview.note
    assert overview.to_markdown() in readme.read_text(encoding="utf8")
    assert made == [1]


def test_marked_tables_that_are_not_there(folder, tmp_path):
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    bad.write_text("# T\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"bad\.md: there is no `<!-- dice-report:m -->`"):
        write_report(folder, plots=False, readmes=[bad])
    good.write_text(MARKED, encoding="utf8")
    bad.write_text("<!-- dice-report:m/dd -->\n<!-- /dice-report -->", encoding="utf8")
    with pytest.raises(ValueError, match=r"bad\.md: no table 'm/dd' \(did you mean 'm/d'\?\)"):
        write_report(folder, plots=False, readmes=[good, bad])
    assert good.read_text(encoding="utf8") == MARKED
    with pytest.raises(FileNotFoundError):
        write_report(folder, plots=False, readmes=[tmp_path / "no.md"])
    assert not (folder / "report").exists()


def test_tables_of_the_documentation_are_fresh():
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
    texts = {path: path.read_text(encoding="utf8") for path in paths}
    matrices = {name.split("/")[0] for text in texts.values() for name in names_in(text)}
    assert matrices, "no file has a table of measured results"
    for name in sorted(matrices):
        tables = marked_tables(Analysis(read_folder(ROOT / "metrics" / name)))
        for path, text in texts.items():
            assert replace_tables(str(path), text, tables) == text, (
                f"stale: run `python -m spacy dice report metrics/{name} --readme {path}`"
            )


def test_recorded_results_are_small():
    for path in (ROOT / "metrics").glob("*/*/*/*.json"):
        assert path.stat().st_size < 40_000, path
        if "curve" in (record := json.loads(path.read_text(encoding="utf8"))):
            assert len(record["curve"]) <= 200
