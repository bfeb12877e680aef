"""Calibrated rows of a matrix, for other components than NER and taggers."""

import json

import pytest
import spacy
from small_dev import make_doc
from small_matrix import ROOT, SMALL
from spacy.tokens import DocBin

from spacy_dice.components import score_of
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.packing import unpack
from spacy_dice.experiments.runner import compare


def test_a_calibrated_row_of_a_matrix(tmp_path):
    score = "spans_sc_f"
    vocab = spacy.blank("en").vocab
    parts = {}
    for part, start in (("train", 0), ("dev", 30), ("test", 60)):
        parts[part] = str(tmp_path / f"{part}.spacy")
        DocBin(docs=[make_doc(vocab, i) for i in range(start, start + 30)]).to_disk(parts[part])
    dataset = {
        **parts,
        "config": str(ROOT / "configs" / "spancat.cfg"),
        "component": "spancat",
        "overrides": {
            **SMALL,
            "training.optimizer.learn_rate": 0.01,
            # So high that next to nothing is found.
            "components.spancat.threshold": 0.999,
        },
        "scores": [score],
    }
    path = tmp_path / "small.yml"
    content = {
        "baseline": "SE",
        "seeds": [0],
        "steps": 15,
        "datasets": {"small": dataset},
        "losses": {
            "SE": "dice.SE.v1",
            "SE, calibrated": {"calibrate": "SE"},
            "SE, one threshold": {"calibrate": "SE", "labels": False},
            "SE, macro F1": {"calibrate": "SE", "metric": "macro"},
            "SE, prior": {
                "loss": "dice.SE.v1",
                "overrides": {
                    "components.spancat.prior_bias": True,
                    "components.spancat.overlap_weight": 2.0,
                },
            },
        },
    }
    path.write_text(json.dumps(content), encoding="utf8")
    matrix = read_matrix(path)
    summary = compare(matrix, tmp_path / "out")
    assert not summary.failed, summary.failed
    file = tmp_path / "out" / "small" / "SE, calibrated" / "0.json"
    record = json.loads(file.read_text(encoding="utf8"))
    assert record["definition"]["calibrated"] is True
    assert record["offsets"]
    assert record["dev_tuned"][score] >= record["dev"][score]
    plain = json.loads((tmp_path / "out" / "small" / "SE" / "0.json").read_text(encoding="utf8"))
    assert record["test"][score] > plain["test"][score]
    # The definition of a row with a threshold for each label is what it was before there were two.
    assert "labels" not in record["definition"]
    file = tmp_path / "out" / "small" / "SE, one threshold" / "0.json"
    common = json.loads(file.read_text(encoding="utf8"))
    assert common["definition"]["labels"] is False
    assert len(common["offsets"]) > 1
    assert len(set(common["offsets"].values())) == 1
    assert common["hash"] != record["hash"]
    file = tmp_path / "out" / "small" / "SE, macro F1" / "0.json"
    macro = json.loads(file.read_text(encoding="utf8"))
    assert macro["definition"]["metric"] == "macro"
    assert macro["dev_tuned"]["spans_sc_macro_f"] >= record["dev_tuned"]["spans_sc_macro_f"]
    # How sure the dev scores are can be told: the counts of the documents give the scores.
    for found, key in ((plain, score), (record, score), (macro, "spans_sc_macro_f")):
        counts = unpack(found["dev_counts"]).array
        assert len(counts) == 30
        of_counts = score_of(key).of_counts
        assert of_counts(counts.sum(axis=0)) == pytest.approx(found["dev"][key], abs=1e-5)
    prior = json.loads((tmp_path / "out" / "small" / "SE, prior" / "0.json").read_text("utf8"))
    assert prior["definition"]["config"] != plain["definition"]["config"]
    assert prior["dev"] != plain["dev"]
