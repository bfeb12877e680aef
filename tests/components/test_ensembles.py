"""Components that predict by the mean of several."""

import numpy
import pytest
import spacy
from pipelines import FACTORIES, SENTENCES, annotations, complete, pipeline, train
from spacy.tokens import Doc

from spacy_dice.components.ensembles import predict_together

TEXTS = [text for text, *_ in SENTENCES]


def trained(factory, folder, updates):
    nlp = pipeline(factory, "dice.CE.v1")
    train(nlp, updates=updates, drop=0.0, data=complete)
    nlp.to_disk(folder)
    return str(folder)


def rounded(doc):
    found = annotations(doc)
    return {**found, "cats": {label: round(p, 5) for label, p in found["cats"].items()}}


def predicted(nlp):
    docs = [*(Doc(nlp.vocab, words=text.split()) for text in TEXTS), Doc(nlp.vocab)]
    return list(map(rounded, nlp.pipe(docs)))


@pytest.mark.parametrize("factory", FACTORIES)
def test_of_twins_predicts_as_each_does(factory, tmp_path):
    folder = trained(factory, tmp_path, 25)
    nlp = spacy.load(folder)
    alone = predicted(nlp)
    predict_together(nlp.get_pipe(factory), [folder, folder])
    assert predicted(nlp) == alone


def test_predicts_the_mean(tmp_path):
    folders = [trained("textcat_multilabel", tmp_path / str(n), n) for n in (2, 30)]
    nlp = spacy.load(folders[0])
    predict_together(nlp.get_pipe("textcat_multilabel"), folders)
    one, other = (predicted(spacy.load(folder)) for folder in folders)
    for mean, *parts in zip(predicted(nlp)[:-1], one, other, strict=False):
        for label, p in mean["cats"].items():
            assert p == pytest.approx(numpy.mean([part["cats"][label] for part in parts]), abs=1e-4)


@pytest.mark.parametrize("factory", ["ner", "tagger"])
def test_follows_who_is_sure(factory, tmp_path):
    """Of one that has learned nothing yet and one that is sure, the mean decides as the latter."""
    folders = [trained(factory, tmp_path / str(n), n) for n in (0, 60)]
    nlp = spacy.load(folders[0])
    naive = predicted(nlp)
    predict_together(nlp.get_pipe(factory), folders)
    assert predicted(nlp) == predicted(spacy.load(folders[1])) != naive
