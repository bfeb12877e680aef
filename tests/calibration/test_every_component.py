"""Calibrated decisions of every component but NER: what is found, written, and left alone."""

import numpy
import pytest
import spacy
from pipelines import LOGISTIC, SOFTMAX, spans_model
from small_dev import MODELS, OFF, examples_of, off
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_dice.calibration import calibrate, calibrate_pipeline
from spacy_dice.calibration.bias import output_of, shift, shifted
from spacy_dice.calibration.documents import CategoriesSearch
from spacy_dice.calibration.pipeline import SEARCHES
from spacy_dice.calibration.search import VALUES
from spacy_dice.calibration.spans import SpanChoiceSearch, SpanSearch, SpanTrials, span_search

DEV = 100
MAIN = {
    "tagger": "tag_macro_f",
    "morphologizer": "pos_morph_macro_f",
    "senter": "sents_f",
    "textcat": "cats_macro_f",
    "textcat_multilabel": "cats_macro_f",
    "textcat_multilabel-ensemble": "cats_macro_f",
    "spancat": "spans_sc_f",
    "spancat_singlelabel": "spans_sc_f",
    "span_finder": "spans_sc_f",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A function that saves the pipeline of a case, once."""
    folder, done = tmp_path_factory.mktemp("pipelines"), {}

    def path(name):
        if name not in done:
            done[name] = folder / name
            off(name).to_disk(done[name])
        return done[name]

    return path


def load(saved, name):
    nlp = spacy.load(saved(name))
    return nlp, nlp.get_pipe(name.split("-")[0]), examples_of(nlp, name, start=DEV)


def predicted(nlp, examples):
    docs = list(nlp.pipe([nlp.make_doc(eg.reference.text) for eg in examples]))
    return [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]


@pytest.mark.parametrize("name", MODELS)
def test_what_was_off_is_put_right(name, saved, tmp_path):
    _, pipe, examples = load(saved, name)
    DocBin(docs=[eg.reference for eg in examples]).to_disk(tmp_path / "dev.spacy")
    found = calibrate_pipeline(str(saved(name)), tmp_path / "dev.spacy", tmp_path / "out")
    assert found.metric == MAIN[name]
    assert found.offsets
    assert found.gain > 0.02
    assert found.after[found.metric] >= found.crossfitted[found.metric]
    # Loaded again, it scores what was promised.
    again = spacy.load(tmp_path / "out")
    component = again.get_pipe(pipe.name)
    scores = component.score(predicted(again, examples))
    for key, value in scores.items():
        if isinstance(value, float):
            assert value == pytest.approx(found.after[key]), key
    # Only the bias differs, and by the offsets.
    before, after = output_of(pipe), output_of(component)
    numpy.testing.assert_array_equal(before.layer.get_param("W"), after.layer.get_param("W"))
    change = after.layer.get_param("b") - before.layer.get_param("b")
    numpy.testing.assert_allclose(change, before.vector_of(found.offsets), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_scores_with_offsets_are_those_of_the_shifted_model(name, saved):
    """What is tried on gathered scores is what the component does with another bias."""
    _, pipe, examples = load(saved, name)
    make = next(SEARCHES[cls] for cls in type(pipe).__mro__ if cls in SEARCHES)
    search = make(pipe, examples)
    offsets = {label: -0.7 * change for label, change in OFF[name].items()}
    found = search.examples_of(range(len(examples)), offsets)
    with shifted(pipe, offsets):
        docs = [eg.predicted.copy() for eg in examples]
        pipe.set_annotations(docs, pipe.predict(docs))
    for example, doc in zip(found, docs, strict=True):
        got, expected = example.predicted, doc
        assert [t.tag_ for t in got] == [t.tag_ for t in expected]
        assert [str(t.morph) for t in got] == [str(t.morph) for t in expected]
        assert [t.is_sent_start for t in got] == [t.is_sent_start for t in expected]
        assert got.cats == pytest.approx(expected.cats, abs=1e-5)
        assert spans_of(got) == spans_of(expected)


def spans_of(doc):
    return {(span.label_, span.start, span.end) for span in doc.spans.get("sc", ())}


def test_a_bias_is_a_threshold_of_each_category(saved):
    nlp, pipe, examples = load(saved, "textcat_multilabel-ensemble")
    before = predicted(nlp, examples)
    found = calibrate(nlp, examples)
    assert set(found.thresholds) == set(found.offsets) == set(pipe.labels)
    for old, new in zip(before, predicted(nlp, examples), strict=True):
        for label, threshold in found.thresholds.items():
            assert (new.predicted.cats[label] >= 0.5) == (old.predicted.cats[label] >= threshold)


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_a_bias_is_a_threshold_of_each_label_of_spans(threshold, saved):
    nlp, pipe, examples = load(saved, "spancat")
    pipe.cfg["threshold"] = threshold
    docs = [eg.predicted.copy() for eg in examples]
    indices, scores = pipe.predict(docs)
    found = calibrate(nlp, examples)
    assert found.thresholds
    expected, offset = [], 0
    for i in range(len(docs)):
        rows = scores[offset : offset + indices.lengths[i]]
        offset += indices.lengths[i]
        expected.append(
            {
                (label, int(start), int(end))
                for (start, end), row in zip(indices[i].dataXd, rows, strict=True)
                for label, p in zip(pipe.labels, row, strict=True)
                if p >= found.thresholds.get(label, threshold)
            }
        )
    assert [spans_of(eg.predicted) for eg in predicted(nlp, examples)] == expected


def f_of(counts):
    tp, fp, fn = counts
    return 2 * tp / max(2 * tp + fp + fn, 1)


def test_crossfitted_score_is_that_of_a_loop_over_folds(saved):
    nlp, pipe, examples = load(saved, "spancat")
    found = calibrate(spacy.load(saved("spancat")), examples, folds=4)
    search = span_search(pipe, examples)
    counts = numpy.zeros(3)
    for i in range(4):
        held_out = range(15 * i, 15 * (i + 1))
        others = numpy.ones(60, dtype=bool)
        others[held_out] = False
        with shifted(pipe, search.best(others)):
            for example in predicted(nlp, [examples[j] for j in held_out]):
                gold, guess = spans_of(example.reference), spans_of(example.predicted)
                counts += len(gold & guess), len(guess - gold), len(gold - guess)
    assert found.crossfitted["spans_sc_f"] == pytest.approx(f_of(counts))


@pytest.mark.parametrize("name", ["spancat", "textcat_multilabel-ensemble", "span_finder"])
def test_the_component_predicts_each_document_once(name, saved, monkeypatch):
    nlp, pipe, examples = load(saved, name)
    seen, predict = [], type(pipe).predict

    def watched(self, docs):
        seen.extend(docs)
        return predict(self, docs)

    monkeypatch.setattr(type(pipe), "predict", watched)
    calibrate(nlp, examples)
    assert len(seen) == len(examples)


@pytest.mark.parametrize("name", ["textcat_multilabel", "morphologizer", "senter"])
def test_what_does_not_gain_is_left_alone(name, saved):
    """A second time there is nothing to gain."""
    nlp, pipe, examples = load(saved, name)
    first = calibrate(nlp, examples)
    bias = output_of(pipe).layer.get_param("b").copy()
    second = calibrate(nlp, examples)
    numpy.testing.assert_array_equal(output_of(pipe).layer.get_param("b"), bias)
    assert second.before == second.after == second.crossfitted
    assert second.before[first.metric] == pytest.approx(first.after[first.metric])


@pytest.mark.parametrize("name", ["textcat_multilabel", "spancat", "span_finder", "senter"])
def test_one_threshold_for_all_labels(name, saved):
    nlp, pipe, examples = load(saved, name)
    uneven = {output_of(pipe).labels[0]: -3.0} if name in ("textcat_multilabel", "spancat") else {}
    shift(pipe, uneven)
    found = calibrate(nlp, examples, labels=False)
    assert set(found.offsets) <= set(output_of(pipe).labels)
    assert len(set(found.offsets.values())) == 1
    if name in ("span_finder", "senter"):
        assert not found.compared
        return
    assert set(found.offsets) == set(output_of(pipe).labels)
    assert len(set(found.thresholds.values())) == 1
    nlp, pipe, examples = load(saved, name)
    shift(pipe, uneven)
    other = calibrate(nlp, examples)
    # What the other way comes to is told, too.
    assert found.compared == pytest.approx(other.compared)
    assert found.compared["common"] == pytest.approx(found.crossfitted[found.metric])
    assert other.compared["labels"] == pytest.approx(other.crossfitted[other.metric])
    assert f"one for all: {100 * found.compared['common']:.2f}" in other.to_text()


def test_the_common_threshold_is_the_best_there_is(saved):
    """Of all offsets that are tried, by what the component itself decides."""
    _, pipe, examples = load(saved, "spancat")
    search = SpanSearch(pipe, examples)
    everything = range(len(examples))
    scores = {
        value: search.metric.of(
            search.counts_of(
                search.examples_of(everything, dict.fromkeys(search.output.labels, value))
            )
        )
        for value in VALUES.tolist()
    }
    (best,) = set(search.best_common(numpy.ones(len(examples), dtype=bool)).values())
    assert scores[best] == pytest.approx(max(scores.values()))
    # Where the component is asked, one is found, too.
    trials = SpanTrials(pipe, examples)
    assert len(set(trials.best_common(numpy.ones(len(examples), dtype=bool)).values())) == 1


@pytest.mark.parametrize("name", ["textcat", "tagger", "spancat_singlelabel"])
def test_labels_that_exclude_each_other_have_no_threshold(name, saved):
    nlp, _, examples = load(saved, name)
    with pytest.raises(ValueError, match="labels = false asks for one threshold for all labels"):
        calibrate(nlp, examples, labels=False)


def test_a_gain_that_may_be_chance_is_not_taken(saved):
    """Of a few documents of which one is right after a change."""
    nlp, pipe, _ = load(saved, "textcat_multilabel")
    examples = examples_of(nlp, "textcat_multilabel", count=5)
    for i, example in enumerate(examples):
        example.reference.cats = {"city": float(i == 0), "rare": 0.0, "fig": 0.0}
    bias = output_of(pipe).layer.get_param("b").copy()
    found = calibrate(nlp, examples)
    assert found.offsets == {}
    assert "Nothing was changed" in found.to_text() or "no change is better" in found.to_text()
    numpy.testing.assert_array_equal(output_of(pipe).layer.get_param("b"), bias)


def test_a_label_without_positives_is_kept_and_said(saved):
    nlp, _, examples = load(saved, "textcat_multilabel")
    for example in examples:
        example.reference.cats["rare"] = 0.0
    found = calibrate(nlp, examples)
    assert found.offsets
    assert "rare" not in found.offsets
    assert "Without a positive in the dev set, and left as they are: 'rare'" in found.to_text()


def test_categories_that_are_not_known_do_not_count(saved):
    _, pipe, examples = load(saved, "textcat_multilabel")
    for example in examples[:20]:
        del example.reference.cats["fig"]
    search = CategoriesSearch(pipe, examples)
    lines = dict(zip(pipe.labels, search.lines(numpy.ones(60, dtype=bool)), strict=True))
    assert lines["fig"].predicted.max() == 40
    assert lines["city"].predicted.max() == 60
    assert lines["fig"].support == sum(eg.reference.cats.get("fig", 0) for eg in examples)


def test_labels_that_training_did_not_have(saved):
    nlp, pipe, examples = load(saved, "spancat")
    for example in examples:
        example.reference.spans["sc"].append(Span(example.reference, 0, 2, "NEW"))
    found = calibrate(nlp, examples)
    assert "no labels of the component: 'NEW'" in found.to_text()
    assert set(found.offsets) <= set(pipe.labels)
    assert found.after["spans_sc_r"] < 0.75


def test_two_labels_on_one_span(saved):
    """A categorizer of several labels can find both, one of a single label can only find one."""
    for name, cls in (("spancat", SpanSearch), ("spancat_singlelabel", SpanChoiceSearch)):
        _, pipe, examples = load(saved, name)
        spans = examples[0].reference.spans["sc"]
        n_spans = len(spans)
        spans.append(Span(examples[0].reference, spans[0].start, spans[0].end, "CITY"))
        # The same once more does not count.
        spans.append(Span(examples[0].reference, spans[0].start, spans[0].end, "CITY"))
        search = cls(pipe, examples)
        gold, _, missed = search.cells_of(0)
        assert (gold.sum(), missed.sum()) == (n_spans + 1, 0)
        assert search.missed[0].sum() == (cls is SpanChoiceSearch)
        counts = search.counts_of(search.examples_of([0], {}))
        assert counts[0, :, [0, 2]].sum() == n_spans + 1


METRICS = [
    ("textcat_multilabel", "micro", 1.0, "cats_micro_f"),
    ("textcat_multilabel", "accuracy", 1.0, "cats_acc"),
    ("textcat_multilabel", "macro", 2.0, "cats_macro_f2"),
    ("textcat_multilabel", "fig", 1.0, "cats_fig_f"),
    ("textcat", "accuracy", 1.0, "cats_acc"),
    ("textcat", "micro", 1.0, "cats_micro_f"),
    ("tagger", "accuracy", 1.0, "tag_acc"),
    ("morphologizer", "micro", 1.0, "pos_morph_micro_f"),
    ("spancat", "macro", 1.0, "spans_sc_macro_f"),
    ("spancat", "micro", 0.5, "spans_sc_f0.5"),
    ("spancat", "CITY", 1.0, "spans_sc_CITY_f"),
    ("spancat_singlelabel", "CITY", 1.0, "spans_sc_CITY_f"),
    ("span_finder", "micro", 2.0, "spans_sc_f2"),
    ("senter", "micro", 0.5, "sents_f0.5"),
]


@pytest.mark.parametrize(("name", "metric", "beta", "key"), METRICS)
def test_metrics(name, metric, beta, key, saved):
    nlp, _, examples = load(saved, name)
    pipe = nlp.get_pipe(name)
    # Off by so little that rare labels may be put right, too.
    shift(pipe, {label: -0.75 * change for label, change in OFF[name].items()})
    found = calibrate(nlp, examples, metric=metric, beta=beta)
    assert found.metric == key
    assert found.after[key] >= found.crossfitted[key] >= found.before[key]
    if metric in ("fig", "CITY"):
        assert set(found.offsets) <= {metric}


def test_scores_are_scikit_learns(saved):
    from sklearn.metrics import accuracy_score, fbeta_score

    name = "textcat_multilabel-ensemble"
    _, pipe, examples = load(saved, name)
    gold = numpy.array([[eg.reference.cats[label] for label in pipe.labels] for eg in examples])
    scores = {
        "cats_macro_f2": lambda y: fbeta_score(gold, y, beta=2, average="macro", zero_division=0),
        "cats_micro_f0.5": lambda y: fbeta_score(gold, y, beta=0.5, average="micro"),
        "cats_fig_f": lambda y: fbeta_score(gold[:, i], y[:, i], beta=1),
        "cats_acc": lambda y: accuracy_score(gold.ravel(), y.ravel()),
    }
    i = pipe.labels.index("fig")
    for key, (metric, beta) in zip(
        scores, [("macro", 2), ("micro", 0.5), ("fig", 1), ("accuracy", 1)], strict=True
    ):
        other = spacy.load(saved(name))
        before = decided(predicted(other, examples), pipe.labels)
        found = calibrate(other, examples, metric=metric, beta=beta)
        after = decided(predicted(other, examples), pipe.labels)
        assert found.before[key] == pytest.approx(scores[key](before))
        assert found.after[key] == pytest.approx(scores[key](after))


def decided(examples, labels):
    return numpy.array([[eg.predicted.cats[label] >= 0.5 for label in labels] for eg in examples])


def test_a_higher_beta_finds_more(saved):
    recalls = []
    for beta in (0.3, 1.0, 3.0):
        nlp, _, examples = load(saved, "textcat_multilabel-ensemble")
        recalls.append(calibrate(nlp, examples, metric="micro", beta=beta).after["cats_micro_r"])
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[-1]


KINDS = [
    ({}, SpanSearch),
    ({"max_positive": 2}, SpanSearch),
    ({"max_positive": 1}, SpanTrials),
    ({"factory": "spancat_singlelabel"}, SpanChoiceSearch),
    ({"factory": "spancat_singlelabel", "allow_overlap": False}, SpanTrials),
    ({"factory": "spancat_singlelabel", "model": spans_model(LOGISTIC)}, SpanChoiceSearch),
]


@pytest.mark.parametrize(("settings", "cls"), KINDS, ids=str)
def test_spans_are_searched_by_how_they_are_decided(settings, cls):
    settings = dict(settings)
    nlp = off(settings.pop("factory", "spancat"), **settings)
    examples = examples_of(nlp, "spancat", start=DEV, count=30)
    (name,) = nlp.pipe_names
    pipe = nlp.get_pipe(name)
    for example in examples:
        pipe.set_annotations([example.predicted], pipe.predict([example.predicted]))
    search = span_search(pipe, examples)
    assert type(search) is cls
    found = calibrate(nlp, examples)
    assert found.gain > 0.02
    scores = pipe.score(predicted(nlp, examples))
    assert scores["spans_sc_f"] == pytest.approx(found.after["spans_sc_f"])


def test_a_threshold_on_a_softmax_is_tried():
    nlp = off("spancat", model=spans_model(SOFTMAX))
    pipe, examples = nlp.get_pipe("spancat"), examples_of(nlp, "spancat", start=DEV, count=20)
    search = span_search(pipe, examples)
    assert type(search) is SpanTrials
    everything = numpy.ones(20, dtype=bool)
    best = search.metric.of(
        search.counts_of(search.examples_of(range(20), search.best(everything)))
    )
    assert best >= search.metric.of(search.count({}))


def test_trials_find_what_the_search_on_scores_finds(saved):
    """Where spans do not push each other out."""
    _, pipe, examples = load(saved, "spancat_singlelabel")
    everything = numpy.ones(len(examples), dtype=bool)
    scores = []
    for cls in (SpanChoiceSearch, SpanTrials):
        search = cls(pipe, examples)
        found = search.examples_of(range(len(examples)), search.best(everything))
        scores.append(search.metric.of(search.counts_of(found)))
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


@pytest.mark.parametrize("lengths", [(None, None), (2, None), (1, 2), (0, 3)])
def test_counts_of_a_span_finder_are_those_of_its_spans(lengths, saved):
    _, pipe, examples = load(saved, "span_finder")
    pipe.cfg["min_length"], pipe.cfg["max_length"] = lengths
    make = next(SEARCHES[cls] for cls in type(pipe).__mro__ if cls in SEARCHES)
    search = make(pipe, examples)
    for i in range(0, len(VALUES), 5):
        value = float(VALUES[i])
        found = search.examples_of(range(len(examples)), {"start": value, "end": value})
        counts = search.counts_of(found)[:, 0]
        right, decided, gold = search.table[:, i].T
        numpy.testing.assert_array_equal(right, counts[:, 0])
        numpy.testing.assert_array_equal(decided, counts[:, 0] + counts[:, 1])
        numpy.testing.assert_array_equal(gold, counts[:, 0] + counts[:, 2])


def test_tokenization_of_the_gold_standard_may_differ(saved):
    nlp, pipe, _ = load(saved, "spancat")
    words = ["I", "eat", "a", "p", "lum", "now", "."]
    gold = Doc(nlp.vocab, words=words, spaces=[1, 1, 1, 0, 1, 0, 0])
    gold.spans["sc"] = [Span(gold, 3, 5, "FRUIT"), Span(gold, 4, 5, "CITY")]
    example = Example(nlp.make_doc("I eat a plum now."), gold)
    search = SpanSearch(pipe, [example])
    right, _, missed = search.cells_of(0)
    labels = list(pipe.labels)
    assert right.sum(axis=0).tolist() == [float(label == "FRUIT") for label in labels]
    assert missed.tolist() == [float(label == "CITY") for label in labels]


REFUSALS = [
    ("spancat", {"metric": "accuracy"}, r"'accuracy' has no meaning here; take 'micro', 'macro'"),
    ("span_finder", {"metric": "macro"}, "'macro' has no meaning here; take 'micro'"),
    ("senter", {"metric": "macro"}, "'macro' has no meaning here; take 'micro'"),
    ("textcat_multilabel", {"metric": "macr"}, r"'macr' is none of .*did you mean 'macro'"),
    ("textcat_multilabel", {"metric": "citi"}, r"'citi' is none of .*did you mean 'city'"),
    ("textcat_multilabel", {"beta": 0}, "beta must be > 0, got 0"),
    ("textcat_multilabel", {"component": "textcats"}, "no component 'textcats'; what can be is"),
]


@pytest.mark.parametrize(("name", "settings", "message"), REFUSALS)
def test_refusals(name, settings, message, saved):
    nlp, _, examples = load(saved, name)
    with pytest.raises(ValueError, match=message):
        calibrate(nlp, examples, **settings)


@pytest.mark.parametrize("threshold", [0.0, 1.0, None])
@pytest.mark.parametrize("name", ["textcat_multilabel", "spancat", "span_finder"])
def test_a_threshold_that_no_bias_makes_up_for(name, threshold, saved):
    nlp, pipe, examples = load(saved, name)
    pipe.cfg["threshold"] = threshold
    with pytest.raises(ValueError, match=f"above 0 and below 1.*got {threshold}"):
        calibrate(nlp, examples)


@pytest.mark.parametrize("key", ["sc", "candidates"])
def test_a_key_that_a_later_component_writes_is_named(key, saved):
    nlp, _, examples = load(saved, "spancat")
    nlp.add_pipe("span_ruler", config={"spans_key": key})
    nlp.add_pipe("span_finder", config={"spans_key": key}).initialize(lambda: examples)
    notes = [note for note in calibrate(nlp, examples, "spancat").notes if "spans_key" in note]
    assert bool(notes) == (key == "sc")
    assert all("'span_finder' after it writes spans['sc'], too" in note for note in notes)


@pytest.mark.parametrize("settings", [{"max_positive": 1}, {"max_positive": 1, "allow_overlap": 0}])
def test_spans_that_push_each_other_out_are_calibrated(settings, saved):
    nlp, pipe, examples = load(saved, "spancat")
    pipe.cfg.update(settings)
    found = calibrate(nlp, examples[:30])
    assert found.offsets
    assert found.gain > 0


@pytest.mark.parametrize("name", ["textcat_multilabel", "spancat", "morphologizer", "senter"])
def test_a_dev_set_without_gold(name, saved):
    nlp, _, _ = load(saved, name)
    bare = [Example(nlp.make_doc("No gold here."), nlp.make_doc("No gold here.")) for _ in range(9)]
    with pytest.raises(ValueError, match="the dev set has no gold for the component"):
        calibrate(nlp, bare)


def test_components_that_have_no_decisions_to_calibrate():
    nlp = spacy.blank("en")
    nlp.add_pipe("trainable_lemmatizer")
    with pytest.raises(ValueError, match="of the component 'trainable_lemmatizer' cannot"):
        calibrate(nlp, [], "trainable_lemmatizer")
    with pytest.raises(ValueError, match="none of them can be calibrated"):
        calibrate(nlp, [])
    nlp.add_pipe("tagger")
    nlp.add_pipe("senter")
    with pytest.raises(ValueError, match="say which of 'tagger', 'senter'"):
        calibrate(nlp, [])
