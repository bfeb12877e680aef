"""The study of `tune`: its data sets, and its table."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import srsly
from small_tune import write_data
from spacy.util import load_config_from_str

import tune_study
from corpora import DATASETS
from spacy_dice.components import COMPONENTS, row_of_factory

ROOT = Path(__file__).parents[2]


def test_the_data_sets_of_the_study():
    datasets, budget, seeds = tune_study.read_study(ROOT / "configs" / "tune_study.yml")
    assert (budget, seeds) == ("20 trials", 5)
    assert set(datasets) <= set(DATASETS)
    for dataset in datasets.values():
        config = load_config_from_str(
            tune_study.config_of(replace(dataset, config=str(ROOT / dataset.config)))
        )
        component = config["components"][dataset.component]
        row = row_of_factory(component["factory"])
        assert row.stock == component["factory"]
        assert row in COMPONENTS.values()
        assert "loss" not in component
        assert config["training"]["patience"] == 800
        assert config["training"]["max_steps"] == 5000
        assert row.score_of(dataset.scores[0])


def test_a_study_is_recorded(tmp_path, monkeypatch, capsys):
    data = {key: str(path) for key, path in write_data(tmp_path, 3).items()}
    block = {**data, "component": "spancat", "scores": ["spans_sc_f"], "steps": 3}
    content = {"budget": "3", "seeds": 2, "datasets": {"small": block}}
    study = tmp_path / "study.yml"
    study.write_text(json.dumps(content), encoding="utf8")
    output = tmp_path / "metrics"
    arguments = ["tune_study.py", study, output, "--work", tmp_path / "work"]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    tune_study.main()
    record = srsly.read_json(output / "small.json")
    stock = record["candidates"]["stock"]
    best = record["candidates"][record["chosen"]]
    lines = (output / "summary.md").read_text(encoding="utf8").splitlines()
    assert lines[2].startswith(f"| small, span F1 | {100 * stock['plain']:.1f} |")
    cells = [cell.strip() for cell in lines[3].split("|")]
    gain = round(100 * (best["test"] - stock["plain"]), 1)
    assert float(cells[5].replace("−", "-")) == pytest.approx(gain, abs=0.06)
    assert "Trials: " in capsys.readouterr().out
