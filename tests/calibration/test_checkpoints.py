"""Checkpoints that are chosen by what they are worth with calibrated decisions."""

import io
import json

import pytest
import spacy
from pipelines import CASES, complete, pipeline, train
from small_dev import examples_of, off
from small_matrix import ROOT, SMALL, make_docs, write_corpora
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_pipeline
from spacy.util import load_config

from spacy_dice.calibration import calibrate
from spacy_dice.calibration.bias import shift
from spacy_dice.calibration.checkpoints import CalibratedScorer, create_calibrated_scores


@pytest.mark.parametrize(
    ("name", "score"), [("spancat", "spans_sc_f"), ("textcat_multilabel", "cats_macro_f")]
)
def test_the_score_is_the_crossfitted_one_of_calibrate(name, score):
    nlp = off(name)
    dev = examples_of(nlp, name, start=100)
    plain, weights_before = nlp.evaluate(dev), nlp.get_pipe(name).model.to_bytes()
    create_calibrated_scores([name])(nlp)
    scores = nlp.evaluate(dev)
    before = nlp.get_pipe(name).model.to_bytes()
    found = calibrate(nlp, dev)
    assert found.offsets
    assert scores.pop(f"calibrated_{score}") == pytest.approx(found.crossfitted[score])
    assert found.crossfitted[score] > plain[score]
    for other in (scores, plain):
        other.pop("speed")
    assert scores == plain
    # The score alone has changed nothing.
    assert before == weights_before


def test_of_ner_it_is_what_untouched_documents_give():
    nlp = pipeline(CASES["ner"], stock=True)
    train(nlp, updates=20, data=complete)
    pipe = nlp.get_pipe("ner")
    # So that too much is found, which must not be there when offsets are tried.
    shift(pipe, {"O": -3.0})
    dev = [Example(nlp.make_doc(doc.text), doc) for doc in make_docs(nlp.vocab)]
    create_calibrated_scores(["ner"])(nlp)
    # Called twice, it is there once.
    create_calibrated_scores(["ner"])(nlp)
    assert isinstance(pipe.scorer, CalibratedScorer)
    assert not isinstance(pipe.scorer.scorer, CalibratedScorer)
    scores = nlp.evaluate(dev)
    pipe.scorer = pipe.scorer.scorer
    found = calibrate(nlp, [Example(nlp.make_doc(eg.text), eg.reference) for eg in dev])
    assert found.offsets
    assert scores["ents_f"] == pytest.approx(found.before["ents_f"] or 0.0)
    assert scores["calibrated_ents_f"] == pytest.approx(found.crossfitted["ents_f"])


def test_refusals():
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("ner")
    with pytest.raises(ValueError, match=r"components must be some of 'ner', .*, got 'tagger'"):
        create_calibrated_scores(["ner", "tagger"])(nlp)
    assert not isinstance(nlp.get_pipe("ner").scorer, CalibratedScorer)


def test_training_keeps_the_best_of_them(tmp_path):
    corpora = write_corpora(tmp_path / "corpora")
    config = load_config(ROOT / "configs" / "ner.cfg", overrides={**SMALL, "training.max_steps": 9})
    config["paths"].update(train=corpora["train"], dev=corpora["dev"])
    config["initialize"]["before_init"] = {
        "@callbacks": "dice.calibrated_scores.v1",
        "components": ["ner"],
    }
    config["training"]["score_weights"] = {"calibrated_ents_f": 1.0, "ents_f": 0.0}
    nlp = init_nlp(config)
    evaluated, scorer = [], nlp.get_pipe("ner").scorer

    def watched(examples, **settings):
        evaluated.append(scorer(examples, **settings))
        return evaluated[-1]

    nlp.get_pipe("ner").scorer = watched
    train_pipeline(nlp, tmp_path, stdout=io.StringIO(), stderr=io.StringIO())
    meta = json.loads((tmp_path / "model-best" / "meta.json").read_text("utf8"))
    found = [scores["calibrated_ents_f"] for scores in evaluated]
    assert meta["performance"]["calibrated_ents_f"] == pytest.approx(max(found), abs=1e-9)
    assert max(found) > max(scores["ents_f"] or 0.0 for scores in evaluated)
    best = spacy.load(tmp_path / "model-best")
    assert not isinstance(best.get_pipe("ner").scorer, CalibratedScorer)
