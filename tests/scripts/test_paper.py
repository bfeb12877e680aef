"""The paper's studies: what is run with which settings, and the page about what is recorded."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import srsly
from small_matrix import ROOT, matrix_content
from small_results import write_run

import paper
from corpora import DATASETS
from spacy_dice.experiments.matrix import parse_matrix, read_matrix
from spacy_dice.experiments.statistics import paired
from studies import write_page
from studies.report import PUBLISHED, claims, gains, ours, theirs, trained, verdict
from studies.study import Study

MATRICES = {path.stem: read_matrix(path) for path in sorted(ROOT.glob("configs/paper/*.yml"))}
TABLES = json.loads(PUBLISHED.read_text(encoding="utf8"))


# What the paper printed


def test_columns_are_those_of_data_sets_of_the_studies():
    for table in TABLES["tables"]:
        assert set(table["here"]) <= set(table["columns"])
        assert set(table["studies"]) <= set(MATRICES)
        there = {name for study in table["studies"] for name in MATRICES[study].datasets}
        assert set().union(*table["here"].values()) <= there <= set(DATASETS)
    named = {study for table in TABLES["tables"] for study in table["studies"]}
    assert set(MATRICES) - named == {
        "imbalance_fashion_brands",
        "imbalance_qqp",
        "imbalance_sms_spam",
    }


def test_f1_that_is_not_the_harmonic_mean_is_noted():
    found = {}
    for table in TABLES["tables"]:
        for column, rows in table["columns"].items():
            for loss, cell in rows.items():
                if isinstance(cell, list) and len(cell) == 3:
                    precision, recall, f1 = cell
                    mean = 2 * precision * recall / (precision + recall)
                    # Each number is rounded.
                    if abs(mean - f1) > 0.011:
                        found.setdefault(column, {})[loss] = round(mean, 2)
    assert found == TABLES["not_the_harmonic_mean"]
    note = theirs(TABLES, TABLES["tables"][0]).note
    assert "UD 1.4, FL 96.09; WSJ, CE 98.78" in note


# Settings


def settings(**changes):
    return paper.Settings(**{"transformers": {}, **changes})


def test_what_is_not_there_is_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus" / "wnut17").mkdir(parents=True)
    for part in ("train", "dev", "test"):
        (tmp_path / "corpus" / "wnut17" / f"{part}.spacy").touch()
    matrix, left_out = paper.prepared(MATRICES["ner"], settings())
    assert list(matrix.datasets) == ["wnut17"]
    assert left_out["conll2003"] == (
        "corpus/conll2003/train.spacy is not there: spacy project run convert"
    )
    matrix, left_out = paper.prepared(MATRICES["ner_trf"], settings())
    assert matrix is None
    assert "the transformer assets/minilm is no folder here" in left_out["wnut17"]
    (tmp_path / "bert").mkdir()
    matrix, _ = paper.prepared(MATRICES["ner_trf"], settings(transformers={"en": "bert"}))
    assert matrix.datasets["wnut17"].overrides["paths.transformer"] == "bert"
    # One that has a name on the hub may be downloaded.
    matrix, _ = paper.prepared(MATRICES["ner_trf"], settings(full=True))
    assert matrix.datasets["wnut17"].overrides["paths.transformer"] == "assets/minilm"


def test_nothing_is_changed_without_settings():
    for matrix in MATRICES.values():
        assert paper.changed(matrix, settings()) == matrix


def test_the_full_scale():
    full = settings(full=True, corpus="full", transformers={"en": "xlnet", "zh": "bert-zh"})
    tags = paper.changed(MATRICES["pos_trf"], full).datasets
    assert tags["ritter_pos"].train == "full/ritter_pos/train.spacy"
    assert tags["ritter_pos"].overrides["paths.transformer"] == "xlnet"
    assert tags["ud_chinese_1.4"].overrides["paths.transformer"] == "bert-zh"
    assert tags["ritter_pos"].overrides["training.accumulate_gradient"] == 3
    assert tags["ritter_pos"].overrides["system.mixed_precision"] is True
    assert (tags["ritter_pos"].steps, tags["ritter_pos"].patience) == (None, 1600)
    before = MATRICES["pos"].datasets["ritter_pos"]
    after = paper.changed(MATRICES["pos"], full).datasets["ritter_pos"]
    assert after.patience > before.patience
    assert before.overrides["components.tok2vec.model.encode.width"] == 64
    assert after.overrides == {"training.eval_frequency": 100}


# The page


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Runs of three studies; on one DSC gains 10 points with four seeds."""
    folder = tmp_path_factory.mktemp("results")
    scores = {
        "paraphrase": {"mrpc": {"CE": 0.70, "DSC": 0.80, "CE, calibrated": 0.75}},
        "imbalance_qqp": {f"qqp_{n}": {"CE": 0.5, "DSC": 0.6} for n in ("40", "01")},
        "tversky": {"wnut17": {"CE": 0.3, "TL .1": 0.2, "TL .9": 0.4}},
    }
    for study, datasets in scores.items():
        matrix = MATRICES[study]
        index = {
            "name": study,
            "baseline": "CE",
            "datasets": list(matrix.datasets),
            "losses": list(matrix.rows),
        }
        srsly.write_json(folder_of(folder, study) / "matrix.json", index)
        for dataset, rows in datasets.items():
            keys = matrix.datasets[dataset].scores
            for row, score in rows.items():
                for seed in range(4):
                    found = dict.fromkeys(keys, score + 0.001 * seed * (row != "CE"))
                    write_run(
                        folder / study,
                        dataset,
                        row,
                        seed,
                        missed=3,
                        scores=list(keys),
                        dev=found,
                        test=found,
                        definition={"patience": 5, "max_steps": 9},
                        last_step=300 + seed,
                        best_step=300,
                        wall_seconds=90.0,
                        sizes={"parameters": 2_500_000, "train": 3000, "dev": 40, "test": 50},
                    )
    return folder


def folder_of(folder, name):
    (folder / name).mkdir()
    return folder / name


def cells(sheet, first):
    """The cells of a row by the names of its columns; of columns with one name the first."""
    (row,) = [row for row in sheet.rows if row[0] == first]
    return dict(reversed(list(zip(sheet.header, row, strict=True))))


def study(name, results):
    return Study(name, MATRICES[name], results)


def test_missing_cells_are_dashes(results):
    sheet = ours(study("paraphrase", results))
    assert cells(sheet, "CE")["mrpc, F1 of the category"] == "70.0 ± 0.0"
    assert cells(sheet, "CE")["qqp, accuracy"] == "–"
    assert cells(sheet, "WCE")["mrpc, F1 of the category"] == "–"
    assert "Not run: qqp." in sheet.note
    assert ours(study("pos", results)).note == "No runs are recorded."


def test_differences_of_differences(results):
    table = next(t for t in TABLES["tables"] if t["number"] == "7")
    sheet = gains(table, [study("paraphrase", results)])
    row = cells(sheet, "DSC, mrpc")
    # 88.92 − 88 there; .8015 − .7 here.
    assert row["the paper"] == "+0.9"
    assert row["here"] == "+10.2"
    assert row["here − the paper"] == "+9.2"
    assert row["here, both calibrated"] == "–"
    assert cells(sheet, "FL, mrpc")["here"] == "–"
    assert cells(sheet, "WCE, mrpc")["the paper"] == "–"


def test_verdicts(results):
    sheet = claims(TABLES, {name: study(name, results) for name in MATRICES})
    verdicts = {(row[0].partition(":")[0], row[1]): row[-1] for row in sheet.rows}
    assert verdicts["Paraphrases", "paraphrase: tok2vec"] == "Confirmed here."
    assert verdicts["Named entities", "ner: tok2vec"] == "Not tested here: no runs."
    assert verdicts["Question answering", "qa_trf: minilm"] == "Not tested here: no runs."
    assert len(sheet.rows) == len(verdicts)


def test_verdict_follows_the_interval():
    assert study("paraphrase", Path("nowhere")).mean_gain("DSC") is None
    found = paired({0: 0.2, 1: 0.21}, {0: 0.1, 1: 0.1})
    assert verdict(1, found) == "Confirmed here."
    assert verdict(-1, found) == "Not confirmed here: it is the other way round."
    wide = replace(found, interval=(-0.1, 0.3))
    assert verdict(1, wide) == verdict(-1, wide) == "Not confirmed here: the interval holds zero."
    assert verdict(1, replace(found, interval=None)) == "Not tested here: one seed."


def test_sizes_and_steps(results):
    row = cells(trained([study("paraphrase", results)]), "mrpc")
    assert row["million parameters"] == "2.5"
    assert row["documents in train"] == "3,000"
    assert row["steps"] == "300 to 303"
    assert row["runs best on dev at the end"] == "2 of 8"
    assert row["minutes a run"] == "1.5"


def test_the_page(results):
    pytest.importorskip("matplotlib")
    page = write_page(MATRICES, results).read_text(encoding="utf8")
    assert page.count("<figure>") == 2
    assert "Tversky loss by alpha" in page
    text = (results / "report" / "report.md").read_text(encoding="utf8")
    titles = re.findall(r"^## (.+)$", text, flags=re.M)
    assert titles[:3] == [
        "What the paper claims",
        "Which share of positives a loss is for",
        "Part-of-speech tags (tables 3 and 4)",
    ]
    assert "| 1 % | 50.0 | – | – | +10.1 (+9.9 … +10.4) |" in text
    assert (results / "report" / "imbalance.svg").is_file()


def test_the_page_without_runs(tmp_path):
    page = write_page(MATRICES, tmp_path).read_text(encoding="utf8")
    assert "<figure>" not in page
    assert "Not tested here: no runs." in page


# The script


def test_corpora_of_a_study(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "ritter_pos"
    folder.mkdir()
    (folder / "pos_fixed.txt").write_text("".join(f"w{i} NN\n\n" for i in range(40)))
    arguments = ["--assets", str(tmp_path), "--corpus", str(tmp_path / "corpus")]
    monkeypatch.chdir(ROOT)
    paper.main(["corpora", "pos", *arguments])
    output = capsys.readouterr().out
    assert "ark_twpos is left out: not all of its files are in" in output
    assert "ritter_pos: train " in output
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == ["ritter_pos"]


def test_corpora_in_windows(tmp_path, monkeypatch):
    """Questions are converted whole for one study, and in windows for the other."""
    monkeypatch.chdir(ROOT)
    source = DATASETS["squad_v2"]
    (tmp_path / source.asset("all")).parent.mkdir()
    (tmp_path / source.asset("all")).touch()
    calls = []
    monkeypatch.setattr(paper.convert_script, "main", calls.append)
    paper.main(["corpora", "qa", "qa_trf", "--assets", str(tmp_path), "--corpus", "here"])
    whole, windows = calls
    for call, folder in ((whole, "here"), (windows, "here/windows")):
        assert call[0] == "squad_v2"
        assert call[call.index("--output") + 1] == folder
        assert "--skip-bad" in call
    assert "--window" not in whole
    assert windows[windows.index("--window") + 1] == "200"


def test_runs_and_reports(tmp_path, monkeypatch, capsys):
    """A study is run, run again, and reported; another has nothing to run on."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paper, "MATRICES", tmp_path / "matrices")
    (tmp_path / "matrices").mkdir()
    content = matrix_content(tmp_path, seeds=[0], losses={"CE": "dice.CE.v1"})
    del content["datasets"]["tags"]
    entities = content["datasets"].pop("entities")
    content["datasets"]["small"] = entities
    (tmp_path / "corpus").rename(tmp_path / "small")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "small").rename(tmp_path / "corpus" / "small")
    for part in ("train", "dev", "test"):
        entities[part] = f"corpus/small/{part}.spacy"
    content["datasets"]["other"] = {**entities, "train": "corpus/other/train.spacy"}
    assert parse_matrix(content, name="one", owner="one")
    srsly.write_yaml(tmp_path / "matrices" / "one.yml", content)
    arguments = ["--results", str(tmp_path / "results")]
    with pytest.raises(SystemExit):
        paper.main(["corpora"])
    assert "got 'other'" in capsys.readouterr().err
    for number in ("1 runs trained, 0 were", "0 runs trained, 1 were"):
        with pytest.raises(SystemExit) as ended:
            paper.main(["run", *arguments])
        assert ended.value.code == 0
        output = capsys.readouterr().out
        assert "one: other is left out: corpus/other/train.spacy is not there" in output
        assert f"one: {number}" in output
    paper.main(["report", *arguments])
    assert "The page: " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="1"):
        paper.main(["run", "two", *arguments])
    assert "there is no study 'two'; there are one" in capsys.readouterr().err
