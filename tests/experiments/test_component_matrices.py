"""Compare and report for a component whose items have no labels, the span finder."""

import srsly
from small_matrix import ROOT, SMALL, make_docs
from spacy.lang.en import English
from spacy.tokens import DocBin

from spacy_dice.experiments.folder import read_records
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.report import write_report
from spacy_dice.experiments.results import read_folder
from spacy_dice.experiments.runner import compare
from spacy_dice.experiments.statistics import differences


def test_span_finder(tmp_path):
    paths = {}
    for start, part in enumerate(("train", "dev", "test")):
        docs = make_docs(English().vocab, start)
        for doc in docs:
            doc.spans["sc"] = list(doc.ents)
        paths[part] = str(tmp_path / f"{part}.spacy")
        DocBin(docs=docs).to_disk(paths[part])
    content = {
        "baseline": "SE",
        "seeds": [0, 1],
        "steps": 12,
        "datasets": {
            "spans": {
                **paths,
                "config": str(ROOT / "configs" / "span_finder.cfg"),
                "component": "span_finder",
                "scores": ["spans_sc_f"],
                "overrides": {**SMALL, "training.optimizer.learn_rate": 0.01},
            }
        },
        "losses": {"SE": "dice.SE.v1", "CE": "dice.CE.v1"},
    }
    srsly.write_json(tmp_path / "matrix.yml", content)
    results = tmp_path / "results"
    assert compare(read_matrix(tmp_path / "matrix.yml"), results).failed == {}
    for record in read_records(results):
        assert record["test_counts"]["types"] == ["span"]
        assert record["train_counts"] == {"span": 32}
        assert record["test"]["spans_sc_f"] > 0
    assert "spans, span F1" in write_report(results, plots=False).header
    # The counts give the score, or there would be no interval over documents.
    [table] = read_folder(results).tables.values()
    assert differences(table, "spans_sc_f")["CE"].bootstrap is not None
