"""The threshold from which on there is an answer."""

import pytest
import spacy
from questions import QUESTIONS, question, questions, trained_reader
from spacy.tokens import DocBin

from spacy_dice.calibration import calibrate, calibrate_pipeline
from spacy_dice.diagnosis import diagnose

# More than any answer is probable.
OFF = 1 - 1e-6


@pytest.mark.parametrize("decode", ["best", "all"])
@pytest.mark.parametrize("normalize", ["token", "document"])
def test_a_threshold_that_was_off(normalize, decode, tmp_path):
    nlp = trained_reader(normalize, decode=decode, updates=30 if normalize == "token" else 12)
    pipe = nlp.get_pipe("reader")
    weights = pipe.model.to_bytes()
    pipe.cfg["threshold"] = OFF
    examples = [*questions(nlp), *questions(nlp)]
    before = nlp.evaluate(examples)["answer_em"]
    assert before < 0.8
    nlp.to_disk(tmp_path / "off")
    DocBin(docs=[question(nlp, i % 4) for i in range(8)]).to_disk(tmp_path / "dev.spacy")
    found = calibrate_pipeline(
        str(tmp_path / "off"), tmp_path / "dev.spacy", tmp_path / "out", folds=2
    )
    assert found.metric == "answer_span_f"
    assert (found.before[found.metric], found.after[found.metric]) == (before, 1.0)
    assert found.after["answer_f"] == 1.0
    again = spacy.load(tmp_path / "out")
    component = again.get_pipe("reader")
    assert found.thresholds == pytest.approx({"answer": component.cfg["threshold"]})
    assert component.cfg["threshold"] < OFF
    assert component.model.to_bytes() == weights
    assert again.evaluate(questions(again))["answer_em"] == 1.0
    assert "answer_em 100.00" in found.to_text()


def test_a_threshold_that_is_right_stays():
    nlp = trained_reader()
    before = nlp.get_pipe("reader").cfg["threshold"]
    found = calibrate(nlp, [*questions(nlp), *questions(nlp)], folds=2)
    assert found.offsets == {}
    assert nlp.get_pipe("reader").cfg["threshold"] == before
    nlp.get_pipe("reader").cfg["threshold"] = 0.0
    with pytest.raises(ValueError, match="threshold of the component 'reader' must be above 0"):
        calibrate(nlp, questions(nlp), folds=2)


def test_edges_in_contexts_are_counted(tmp_path):
    nlp = trained_reader(updates=1)
    docs = [question(nlp, i) for i in range(len(QUESTIONS))]
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    [finding] = diagnose(tmp_path / "train.spacy", component="query_spans").findings
    assert finding.train.examples == {"start": 3, "end": 3}
    assert finding.train.decisions == sum(len(doc) - doc.spans["query"][0].end for doc in docs)
