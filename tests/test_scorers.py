"""Scorers: scikit-learn's numbers on the same labels, and spaCy's own scores untouched."""

import pickle
import random

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry

from spacy_dice import items, scorers

VOCAB = spacy.blank("en").vocab
TAGS = ("NN", "VB", "UH")
FEATURES = ("", "_", "Number=Plur", "Number=Sing", "Number=Sing|Person=3", "Case=Gen|Number=Plur")
STOCK = {
    "tagger": "spacy.tagger_scorer.v1",
    "morphologizer": "spacy.morphologizer_scorer.v1",
    "ner": "spacy.ner_scorer.v1",
    "spancat": "spacy.spancat_scorer.v1",
    "textcat": "spacy.textcat_scorer.v2",
    "textcat_multilabel": "spacy.textcat_multilabel_scorer.v2",
}
SETTINGS = {
    "spancat": {"spans_key": "sc"},
    "textcat": {"labels": list("abcd")},
    "textcat_multilabel": {"labels": list("abcd"), "threshold": 0.5},
}
seeds = st.integers(0, 2**32)


def score(component, examples, **settings):
    scorer = registry.scorers.get(f"dice.{component}_scorer.v1")()
    return scorer(examples, **{**SETTINGS.get(component, {}), **settings})


def cut(rng, text, chance):
    """The words of a text, some of them in two."""
    words, spaces = [], []
    for word in text.split():
        at = rng.randrange(1, len(word)) if rng.random() < chance and len(word) > 1 else 0
        words += [word[:at], word[at:]] if at else [word]
        spaces += [False, True] if at else [True]
    return words, spaces


def random_doc(rng, text, *, chance=0.0, missing=0.0):
    """A document with random annotation of every kind, of which some is missing."""
    words, spaces = cut(rng, text, chance)

    def some(choices):
        return ["" if rng.random() < missing else rng.choice(choices) for _ in words]

    doc = Doc(VOCAB, words=words, spaces=spaces, tags=some(TAGS), pos=some(("NOUN", "VERB", "X")))
    for token, feats in zip(doc, some(FEATURES), strict=True):
        if feats:
            token.set_morph(feats)
    ents, unknown, i = [], [], 0
    while i < len(doc):
        end = min(i + rng.randrange(1, 3), len(doc))
        if rng.random() < 0.5:
            ents.append(Span(doc, i, end, rng.choice(("PER", "LOC"))))
        elif rng.random() < missing:
            unknown.append(Span(doc, i, end))
        i = end
    doc.set_ents(ents, missing=unknown)
    if rng.random() >= missing:
        starts = [rng.randrange(len(doc)) for _ in range(4)]
        spans = {(s, min(s + rng.randrange(1, 3), len(doc)), rng.choice("XYZ")) for s in starts}
        doc.spans["sc"] = [Span(doc, *span) for span in sorted(spans)]
    doc.cats = {label: rng.random() for label in "abcd"}
    return doc


def random_examples(seed, *, chance=0.0, missing=0.3, n=4):
    rng = random.Random(seed)
    examples = []
    for _ in range(n):
        text = " ".join("abcdefg"[: rng.randrange(1, 5)] for _ in range(rng.randrange(1, 7)))
        gold = random_doc(rng, text, chance=chance, missing=missing)
        for label in gold.cats:
            gold.cats[label] = float(gold.cats[label] > 0.5)
        examples.append(Example(random_doc(rng, text, chance=chance), gold))
    return examples


def sklearn(rows, labels, average):
    """Precision, recall and F1; `rows` are pairs of sets, the gold and the predicted labels."""
    # A column that nobody uses: scikit-learn takes a single one for something else.
    columns = [*labels, None]
    gold, guess = (
        numpy.array([[label in row[i] for label in columns] for row in rows]) for i in (0, 1)
    )
    return precision_recall_fscore_support(
        gold, guess, labels=range(len(labels)), average=average, zero_division=0
    )[:3]


def expect(rows, prefix, found, *, micro=None):
    """Compare all scores of a prefix with scikit-learn's."""
    labels = sorted({label for row in rows for part in row for label in part})
    if not labels:
        assert found[f"{prefix}_macro_f"] is found[f"{prefix}_per_type"] is None
        return
    for average in ("macro", "weighted", "micro"):
        key = micro if average == "micro" and micro else f"{prefix}_{average}_f"
        assert found[key] == pytest.approx(sklearn(rows, labels, average)[2]), key
    for label, *prf in zip(labels, *sklearn(rows, labels, None), strict=True):
        assert list(found[f"{prefix}_per_type"][label].values()) == pytest.approx(prf)


def token_rows(examples, labels):
    """Gold and predicted labels of each gold token; tokens belong together by characters."""
    rows = []
    for example in examples:
        gold_doc = example.reference
        for gold in gold_doc:
            if not labels(gold):
                continue
            guesses = set()
            for token in example.predicted:
                touched = [
                    other
                    for other in gold_doc
                    if other.idx < token.idx + len(token) and token.idx < other.idx + len(other)
                ]
                if [other.i for other in touched] == [gold.i]:
                    guesses.update(labels(token))
            rows.append((set(labels(gold)), guesses))
    return rows


@given(seeds)
def test_tags_are_those_of_sklearn(seed):
    examples = random_examples(seed, chance=0.3)
    found = score("tagger", examples)
    expect(token_rows(examples, lambda t: [t.tag_] if t.tag_ else []), "tag", found)
    assert found["tag_micro_f"] == (
        None if found["tag_acc"] is None else pytest.approx(found["tag_acc"])
    )


def test_flat_labels_are_those_of_sklearn():
    """Where tokens are the same, there is one gold and one predicted label a token."""
    examples = random_examples(7, missing=0.0, n=40)
    gold = [token.tag_ for eg in examples for token in eg.reference]
    guess = [token.tag_ for eg in examples for token in eg.predicted]
    found = score("tagger", examples)
    for average in ("macro", "micro", "weighted"):
        f = precision_recall_fscore_support(gold, guess, average=average)[2]
        assert found[f"tag_{average}_f"] == pytest.approx(f)
    assert list(found["tag_per_type"]) == sorted(TAGS, key=lambda tag: (-gold.count(tag), tag))


@given(seeds)
def test_analyses_are_those_of_sklearn(seed):
    examples = random_examples(seed, chance=0.3)
    found = score("morphologizer", examples)
    expect(token_rows(examples, lambda t: [t.pos_] if t.pos_ else []), "pos", found)
    expect(token_rows(examples, lambda t: t.morph.to_dict().items()), "morph", {
        **found,
        "morph_per_type": {
            tuple(feature.split("=")): prf
            for feature, prf in (found["morph_per_type"] or {}).items()
        },
    })  # fmt: skip
    whole = token_rows(examples, lambda t: [f"{t.pos_}|{t.morph}"] if t.has_morph() else [])
    expect(whole, "pos_morph", found)


@given(seeds)
def test_entities_are_those_of_sklearn(seed):
    examples = random_examples(seed)
    rows = []
    for example in examples:
        gold, guess = example.reference, example.predicted
        known = [span for span in guess.ents if all(gold[t.i].ent_iob for t in span)]
        if gold.has_annotation("ENT_IOB"):
            for place in {(e.start, e.end) for e in (*gold.ents, *known)}:
                rows.append(
                    tuple({e.label_ for e in ents if (e.start, e.end) == place}
                          for ents in (gold.ents, known))
                )  # fmt: skip
    expect(rows, "ents", score("ner", examples), micro="ents_f")


@given(seeds)
def test_spans_are_those_of_sklearn(seed):
    rows = []
    examples = random_examples(seed)
    for example in examples:
        if "sc" in example.reference.spans:
            gold, guess = example.reference.spans["sc"], example.predicted.spans["sc"]
            for place in {(s.start, s.end) for s in (*gold, *guess)}:
                rows.append(
                    tuple({s.label_ for s in spans if (s.start, s.end) == place}
                          for spans in (gold, guess))
                )  # fmt: skip
    expect(rows, "spans_sc", score("spancat", examples), micro="spans_sc_f")


@given(seeds)
def test_categories_are_those_of_sklearn(seed):
    examples = random_examples(seed, n=12)
    for component, choose in (
        ("textcat_multilabel", lambda cats: {label for label in cats if cats[label] >= 0.5}),
        ("textcat", lambda cats: {max(cats, key=cats.get)}),
    ):
        found = score(component, examples)
        rows = [(choose(eg.reference.cats), choose(eg.predicted.cats)) for eg in examples]
        for average in ("macro", "micro", "weighted"):
            f = sklearn(rows, "abcd", average)[2]
            assert found[f"cats_{average}_f"] == pytest.approx(f), (component, average)


@pytest.mark.parametrize("component", STOCK)
@pytest.mark.parametrize("seed", range(3))
def test_all_of_spacys_scores_are_kept(component, seed):
    examples = random_examples(seed, chance=0.3)
    settings = SETTINGS.get(component, {})
    stock = registry.scorers.get(STOCK[component])()(examples, **settings)
    found = score(component, iter(examples))
    assert {key: found[key] for key in stock} == stock
    assert len(found) > len(stock)


@pytest.mark.parametrize("component", STOCK)
@pytest.mark.parametrize("kind", ["no examples", "empty", "not annotated"])
def test_without_annotation(component, kind):
    """None, as spaCy's scores of the same; categories have zeros in both."""
    words = [] if kind == "empty" else ["a", "b"]
    examples = [Example(Doc(VOCAB, words=words), Doc(VOCAB, words=words))]
    settings = SETTINGS.get(component, {})
    examples = [] if kind == "no examples" else examples
    stock = registry.scorers.get(STOCK[component])()(examples, **settings)
    found = score(component, examples)
    new = {key: value for key, value in found.items() if key not in stock}
    assert new
    if component.startswith("textcat"):
        assert new == {"cats_weighted_f": 0.0}
    else:
        assert set(new.values()) == {None}
        assert stock[{"tagger": "tag_acc", "morphologizer": "pos_acc", "ner": "ents_f"}.get(
            component, "spans_sc_f")] is None  # fmt: skip


def test_labels_of_one_side_only():
    gold = Doc(VOCAB, words=["a", "b", "c"], tags=["NN", "UH", "NN"], ents=["B-LOC", "O", "O"])
    guess = Doc(VOCAB, words=["a", "b", "c"], tags=["NN", "VB", "NN"], ents=["B-PER", "O", "O"])
    found = score("tagger", [Example(guess, gold)])
    assert found["tag_macro_f"] == pytest.approx(1 / 3)
    assert found["tag_weighted_f"] == pytest.approx(2 / 3)
    assert found["tag_per_type"]["UH"] == {"p": 0.0, "r": 0.0, "f": 0.0}
    found = score("ner", [Example(guess, gold)])
    assert found["ents_macro_f"] == found["ents_weighted_f"] == 0.0


def test_types_found_where_nobody_knows_do_not_count():
    gold = Doc(VOCAB, words=["a", "b"])
    gold.set_ents([Span(gold, 0, 1, "LOC")], missing=[gold[1:2]])
    found = score("ner", [Example(Doc(VOCAB, words=["a", "b"], ents=["B-LOC", "B-PER"]), gold)])
    assert set(found["ents_per_type"]) == {"LOC", "PER"}
    assert found["ents_macro_f"] == found["ents_f"] == pytest.approx(1.0)


def test_macro_shows_what_accuracy_hides():
    tags = ["NN"] * 19 + ["UH"]
    words = list("abcdefghijklmnopqrst")
    example = Example(Doc(VOCAB, words=words, tags=["NN"] * 20), Doc(VOCAB, words=words, tags=tags))
    found = score("tagger", [example])
    assert found["tag_acc"] == pytest.approx(0.95)
    assert found["tag_macro_f"] == pytest.approx((2 * 19 / 39) / 2)


@given(seeds)
def test_counts_of_documents_give_the_same(seed):
    """What is recorded of a run, and what a scorer shows, is counted once."""
    examples = random_examples(seed, chance=0.3)
    counts = items.count_documents(examples, items.token_items(items.tag))
    tp, fp, fn = counts.array.sum(axis=0).T
    f = 2 * tp / numpy.maximum(2 * tp + fp + fn, 1)
    found = scorers.make_tagger_scorer()(examples)["tag_macro_f"]
    assert found == (pytest.approx(f.mean()) if len(f) else None)


@pytest.mark.parametrize("component", STOCK)
def test_pickle(component):
    scorer = registry.scorers.get(f"dice.{component}_scorer.v1")()
    copy = pickle.loads(pickle.dumps(scorer))
    assert copy == scorer
    examples = random_examples(3)
    settings = SETTINGS.get(component, {})
    assert copy(examples, **settings) == scorer(examples, **settings)
