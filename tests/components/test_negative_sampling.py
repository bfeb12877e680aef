"""NER that learns from a share of the tokens outside of entities."""

import numpy
import pytest
import spacy
from numpy.testing import assert_array_equal
from pipelines import CASES, pipeline, train, weights
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_dice.components.transition import targets_of_gradient

WORDS = ["we", "saw", "Ann", "Lee", "in", "Rome", "and", "then", "we", "all", "went", "home"]
WORDS += ["by", "the", "last", "train"]
# The entities of WORDS, and the tokens in them or next to one.
ENTITIES, NEAR = [(2, 4, "PER"), (5, 6, "LOC")], {1, 2, 3, 4, 5, 6}


def ner(**settings):
    case = CASES["ner"]
    return pipeline(case._replace(config={**case.config, **settings}), "dice.CE.v1")


def example_of(vocab, known=True):
    gold = Doc(vocab, words=WORDS)
    spans = [Span(gold, start, end, label) for start, end, label in ENTITIES]
    gold.set_ents(spans, default="outside" if known else "missing")
    return Example(Doc(vocab, words=WORDS), gold)


class Seen:
    """Of each state its token, whether O is the only gold move, and whether it is learned from."""

    def __init__(self, pipe, monkeypatch):
        self.rows, inner = [], type(pipe).get_batch_loss
        outside = [pipe.moves.get_class_name(i) for i in range(pipe.moves.n_moves)].index("O")

        def watched(this, states, golds, scores, losses):
            places = [state.B(0) for state in states]
            stock = super(type(pipe).__mro__[1], this).get_batch_loss(states, golds, scores, None)
            gradient = inner(this, states, golds, scores, losses)
            for place, own, found in zip(places, stock, gradient, strict=True):
                # What is learned from is learned as it would be without sampling.
                if found.any():
                    assert_array_equal(found, own)
                self.rows.append(
                    (place, (own <= 0).nonzero()[0].tolist() == [outside], found.any())
                )
            return gradient

        monkeypatch.setattr(type(pipe), "get_batch_loss", watched)


def rows_of(share, monkeypatch, *, seed=0, updates=1, known=True):
    fix_random_seed(0)
    nlp = ner(negative_sampling=share)
    example = example_of(nlp.vocab, known)
    nlp.initialize(lambda: [example_of(nlp.vocab)])
    pipe = nlp.get_pipe("ner")
    with monkeypatch.context() as context:
        seen = Seen(pipe, context)
        fix_random_seed(seed)
        for _ in range(updates):
            # Without an optimizer all updates begin with the same weights.
            pipe.update([example] * 4)
    assert seen.rows
    return seen.rows


def test_without_a_share_only_tokens_next_to_entities_are_learned_from(monkeypatch):
    rows = rows_of(0.0, monkeypatch)
    assert {place for place, is_outside, learned in rows if is_outside and learned} <= NEAR
    assert all(learned == (place in NEAR) for place, is_outside, learned in rows if is_outside)
    # Moves of entities are always learned.
    assert all(learned for _, is_outside, learned in rows if not is_outside)
    assert any(is_outside and not learned for _, is_outside, learned in rows)


def test_a_share_is_drawn_anew_by_the_seed(monkeypatch):
    rows = rows_of(0.3, monkeypatch, updates=100)
    far = [learned for place, is_outside, learned in rows if is_outside and place not in NEAR]
    assert numpy.mean(far) == pytest.approx(0.3, abs=5 * (0.21 / len(far)) ** 0.5)
    assert len(far) > 300
    near = [learned for place, is_outside, learned in rows if is_outside and place in NEAR]
    assert all(near)
    assert rows_of(0.3, monkeypatch, updates=2) == rows[: len(rows) // 50]
    assert rows_of(0.3, monkeypatch, updates=2, seed=1) != rows[: len(rows) // 50]


def test_all_of_them_is_the_stock_component_bit_for_bit():
    stock, ours = pipeline(CASES["ner"], stock=True), ner(negative_sampling=1.0)
    for nlp in (stock, ours):
        train(nlp)
    assert weights(stock) == weights(ours)
    other = ner(negative_sampling=0.5)
    train(other)
    assert weights(other) != weights(ours)


def test_what_is_not_annotated_is_still_nothing_to_learn_from(monkeypatch):
    rows = rows_of(0.5, monkeypatch, known=False)
    assert not any(is_outside and place not in NEAR for place, is_outside, _ in rows)


def test_a_component_works_between_updates():
    nlp = ner(negative_sampling=0.0)
    examples = [example_of(nlp.vocab)]
    nlp.initialize(lambda: examples)
    nlp.update(examples)
    pipe = nlp.get_pipe("ner")
    states, golds, _ = pipe.moves.init_gold_batch(examples)
    scores = numpy.zeros((1, pipe.moves.n_moves), dtype="f")
    gradient = pipe.get_batch_loss(states, golds, scores, None)
    assert gradient.any()
    _, of_rows = targets_of_gradient(scores, gradient)
    assert of_rows is None
    with pytest.raises(TypeError, match="E978"):
        pipe.update([spacy.blank("en")("text")])
    assert not pipe._near


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(
        ValueError, match=r"\[components\.ner\]: negative_sampling must be in \[0, 1\]"
    ):
        ner(negative_sampling=share)
