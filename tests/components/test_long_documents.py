"""Long documents, whose probabilities underflow, and one that is labelled wrongly."""

import numpy
import pytest
import spacy
from pipelines import BOW
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

WORDS = 10_000
LOSSES = {
    "WCE": {"@losses": "dice.WCE.v1", "class_weights": {"B": 10.0}},
    "FL": {"@losses": "dice.FL.v1", "class_weights": {"B": 10.0}},
    "DL": {"@losses": "dice.DL.v1", "ce_weight": 5.0, "class_weights": {"B": 10.0}},
}


def make_examples(vocab):
    """Five documents of each class, with words of their own; the last of A has the label B."""
    rng = numpy.random.default_rng(0)
    for i in range(10):
        kind = "AB"[i % 2]
        words = [f"{kind}{number}" for number in rng.integers(0, 50, WORDS)]
        gold = "B" if i == 8 else kind
        reference = Doc(vocab, words=words)
        reference.cats = {label: float(label == gold) for label in "AB"}
        yield Example(Doc(vocab, words=words), reference)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_training_stays_finite_where_probabilities_underflow(loss):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    model = {**BOW, "exclusive_classes": True}
    pipe = nlp.add_pipe("dice_textcat", config={"model": model, "loss": LOSSES[loss]})
    examples = list(make_examples(nlp.vocab))
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.002)
    wrong = []
    for _ in range(6):
        for start in range(0, len(examples), 2):
            batch = examples[start : start + 2]
            scores = pipe.predict([example.predicted for example in batch])
            assert numpy.isfinite(scores).all()
            nlp.update(batch, sgd=optimizer)
        wrong.append(scores[0, pipe.labels.index("B")])
    # The weight divided by such a probability is infinite.
    assert min(wrong) < 1e-38
