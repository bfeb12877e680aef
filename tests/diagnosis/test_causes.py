"""What diagnose says of low scores that no loss is the cause of."""

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from thinc.api import Config

from spacy_dice.diagnosis import diagnose, to_text
from spacy_dice.diagnosis.candidates import Candidates, sizes_of

N_TOKENS = 10
RANGE = {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 2, "max_size": 4}
OTHER = {"@misc": "spacy.span_finder_suggester.v1", "candidates_key": "found"}


def corpus(path, lengths, key="sc"):
    """Documents of ten tokens, each with a span of such a length, labeled twice."""
    vocab = spacy.blank("en").vocab
    docs = []
    for length in lengths:
        doc = Doc(vocab, words=list("abcdefghij"))
        doc.spans[key] = [Span(doc, 0, length, label=label) for label in "AB"]
        doc.cats = {"rare": float(length > 1), "other": 0.0}
        docs.append(doc)
    DocBin(docs=docs).to_disk(path)
    return path


def config(path, factory, training=None, callback=None, **settings):
    content = {
        "nlp": {"lang": "en", "pipeline": ["it"]},
        "components": {"it": {"factory": factory, **settings}},
        "training": training or {},
    }
    if callback:
        losses = {"it": {"@losses": callback}}
        content["initialize"] = {
            "before_init": {"@callbacks": "dice.use_losses.v1", "losses": losses}
        }
    Config(content).to_disk(path)
    return path


@pytest.fixture
def found(tmp_path):
    """A function that diagnoses a small corpus of spans with a config."""

    def call(factory, train=(1, 2), dev=(1, 2), dev_key="sc", **settings):
        parts = (
            corpus(tmp_path / "train.spacy", train),
            config(tmp_path / "config.cfg", factory, **settings),
            corpus(tmp_path / "dev.spacy", dev, dev_key),
        )
        diagnosis = diagnose(*parts)
        [finding] = diagnosis.findings
        text = to_text(diagnosis)
        # It is said first.
        heads = [text.index(name) for name in finding.causes]
        assert heads == sorted(heads)
        assert all(head < text.index(" label ") for head in heads)
        return finding

    return call


@pytest.mark.parametrize("stock", ["spancat", "textcat_multilabel", "span_finder"])
def test_the_squared_error_is_told(stock, found):
    train = [1] * 9 + [2]
    finding = found(stock, train)
    assert f'factory = "dice_{stock}"' in finding.causes["Squared error"]
    # What is to be pasted is below.
    assert "dice.CE.v1" in finding.recipe
    assert "Squared error" not in found(f"dice_{stock}", train).causes
    assert "Squared error" not in found(stock, train, callback="dice.CE.v1").causes


@pytest.mark.parametrize("stock", ["spancat_singlelabel", "textcat"])
def test_other_components_are_not_trained_on_one(stock, found):
    assert "Squared error" not in found(stock).causes


def test_spans_that_are_never_proposed(found):
    finding = found("spancat", train=[1] * 90 + [2] * 6 + [4] * 3 + [7], dev=[3, 5])
    causes = finding.causes
    negatives = (100 * (10 + 9 + 8) - 96) / 96
    assert finding.candidates.recall == 0.96
    assert finding.candidates.negatives == pytest.approx(negatives)
    assert finding.dev_candidates.recall == 0.5
    assert causes["Suggester"] == (
        "n-grams of 1 to 3 tokens: 96.0 % of the gold spans of train are proposed, 50.0 % of dev; "
        f"{negatives:.0f} other candidates for each"
    )
    assert causes["Never found"] == (
        "4 spans of train, whatever the loss: 3 of 4 tokens, 1 of 7 tokens. "
        "sizes = [1, 2, 3, 4] would propose 99 %"
    )
    written = finding.to_dict()
    assert written["train_candidates"]["lengths"] == {"1": 90, "2": 6, "4": 3, "7": 1}
    assert written["dev_candidates"]["recall"] == 0.5
    assert written["causes"] == causes


def test_a_suggester_that_proposes_enough(found):
    assert "Never found" not in found("spancat", train=[1] * 99 + [8]).causes


def test_suggesters(found):
    finding = found("dice_spancat", train=[1, 2, 4], suggester=RANGE)
    assert finding.candidates.sizes == (2, 3, 4)
    assert finding.candidates.recall == pytest.approx(2 / 3)
    sizes = {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 4]}
    assert "n-grams of 1, 4 tokens" in found("dice_spancat", suggester=sizes).causes["Suggester"]
    # What others propose is not known before they are trained.
    finding = found("dice_spancat", suggester=OTHER)
    assert finding.candidates is None
    assert not finding.causes
    assert sizes_of({}) == (1, 2, 3)


def test_no_candidate_is_a_span():
    none = Candidates(sizes=(1,), lengths={4: 2}, total=20)
    assert none.negatives is None
    assert none.recall == 0
    assert Candidates(sizes=(1,), lengths={}, total=20).recall is None


def test_score_weights_of_another_key(found):
    weights = {"score_weights": {"spans_other_f": 1.0, "spans_sc_f": 0.0, "ents_f": 0.5}}
    causes = found("dice_spancat", training=weights).causes
    assert causes["Always 0"].startswith(
        "[training.score_weights] counts 'spans_other_f', but the spans_key is 'sc'"
    )
    for fine in ({"spans_other_f": 1.0, "spans_sc_f": 0.5}, {"ents_f": 1.0}, {}):
        causes = found("dice_spancat", training={"score_weights": fine}).causes
        assert "Always 0" not in causes


def test_a_key_that_one_of_the_sets_does_not_have(found):
    assert found("dice_spancat", dev_key="my").causes["No dev"] == (
        "no document of the dev set has a span group 'sc'"
    )
    with pytest.raises(ValueError, match=r"no annotation for 'it' \(spancat\).*spans\['sc'\]"):
        found("spancat", spans_key="other")
