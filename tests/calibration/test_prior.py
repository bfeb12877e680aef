"""One number in place of an offset on each label: logit adjustment by the labels' frequencies."""

import json
from collections import Counter

import numpy
import pytest
import spacy
from small_dev import examples_of, trained
from small_matrix import ROOT, SMALL, write_corpora
from spacy.tokens import DocBin

from spacy_dice.calibration import calibrate, calibrate_pipeline
from spacy_dice.calibration.bias import output_of, shift
from spacy_dice.calibration.metric import Metric
from spacy_dice.calibration.search import best_tau
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.runner import compare

TRAIN, DEV = 60, 100
# What of a gold document is the label of a token or of a text.
GOLD = {
    "tagger": lambda doc: [t.tag_ for t in doc],
    "morphologizer": lambda doc: [f"{t.morph}|POS={t.pos_}".strip("|_") for t in doc],
    "textcat": lambda doc: [label for label, value in doc.cats.items() if value],
}


def rarity_of(name, examples, labels):
    counts = Counter(label for eg in examples for label in GOLD[name](eg.reference))
    assert set(counts) <= set(labels)
    most = max(counts.values())
    return {label: float(numpy.log(most / max(counts[label], 1))) for label in labels}


@pytest.mark.parametrize(
    ("name", "factor"), [("tagger", 1.5), ("morphologizer", 1.5), ("textcat", 3.5)]
)
def test_what_was_put_off_by_frequencies_is_put_right(name, factor):
    nlp = trained(name)
    pipe = nlp.get_pipe(name)
    train, dev = examples_of(nlp, name), examples_of(nlp, name, start=DEV)
    rarity = rarity_of(name, train, output_of(pipe).labels)
    shift(pipe, {label: -factor * value for label, value in rarity.items()})
    before = output_of(pipe).layer.get_param("b").copy()
    found = calibrate(nlp, dev, prior=train)
    assert 0 < found.tau <= 2
    assert found.gain > 0.02
    assert found.offsets == pytest.approx({k: found.tau * v for k, v in rarity.items() if v})
    change = output_of(pipe).layer.get_param("b") - before
    numpy.testing.assert_allclose(change, output_of(pipe).vector_of(found.offsets), atol=1e-5)
    assert f"tau           {found.tau:.2f}" in found.to_text()
    # A second time there is nothing to gain, and nothing is changed: with taggers, too.
    bias = output_of(pipe).layer.get_param("b").copy()
    again = calibrate(nlp, examples_of(nlp, name, start=DEV), prior=train)
    assert (again.tau, again.offsets) == (0.0, {})
    assert again.after == again.before == again.crossfitted
    assert "which may be chance" in again.to_text() or "no change is better" in again.to_text()
    numpy.testing.assert_array_equal(output_of(pipe).layer.get_param("b"), bias)


def test_the_factor_is_the_best_of_all_that_are_tried():
    rng = numpy.random.default_rng(0)
    rarity = numpy.array([0.0, 1.0, 2.5])
    codes = rng.choice(4, 300, p=[0.7, 0.2, 0.09, 0.01])
    logits = rng.normal(size=(300, 3)) + 2 * (codes[:, None] == range(3)) - rarity
    values = numpy.arange(-1.0, 2.1, 0.1)
    for metric in (Metric("macro"), Metric("micro"), Metric("macro", label=2)):
        scores = []
        for value in values:
            decided = (logits + value * rarity).argmax(axis=1)
            tp, predicted, gold = (
                numpy.array([(x == k).sum() for k in range(4)])
                for x in (numpy.where(codes == decided, codes, -1), decided, codes)
            )
            scores.append(metric(tp, predicted, gold))
        tau = best_tau(codes, logits, rarity, metric, values)
        assert scores[int(abs(values - tau).argmin())] == max(scores)
        assert abs(tau) == min(
            abs(v) for v, s in zip(values, scores, strict=True) if s == max(scores)
        )


def test_components_whose_labels_do_not_exclude_each_other_are_refused():
    for name in ("spancat", "senter"):
        nlp = trained(name)
        with pytest.raises(ValueError, match="a prior is for labels that exclude each other"):
            calibrate(nlp, examples_of(nlp, name), prior=examples_of(nlp, name))


def test_a_prior_without_gold_is_refused():
    nlp = trained("tagger")
    examples = examples_of(nlp, "tagger")
    blank = [spacy.training.Example(eg.predicted, eg.predicted.copy()) for eg in examples]
    with pytest.raises(ValueError, match="the data of the prior has no gold"):
        calibrate(nlp, examples, prior=blank)


def test_on_disk_and_in_a_matrix(tmp_path):
    nlp = trained("tagger")
    nlp.to_disk(tmp_path / "model")
    dev = tmp_path / "dev.spacy"
    DocBin(docs=[eg.reference for eg in examples_of(nlp, "tagger", start=DEV)]).to_disk(dev)
    args = (str(tmp_path / "model"), dev, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"no\.spacy: there is no such file"):
        calibrate_pipeline(*args, prior=tmp_path / "no.spacy")
    assert calibrate_pipeline(*args, prior=dev).to_dict()["tau"] is not None
    parts = write_corpora(tmp_path / "corpora")
    dataset = {
        **{part: str(path) for part, path in parts.items()},
        "config": str(ROOT / "configs" / "tagger.cfg"),
        "component": "tagger",
        "overrides": SMALL,
    }
    content = {
        "seeds": [0],
        "steps": 10,
        "datasets": {"small": dataset},
        "losses": {"CE": "dice.CE.v1", "CE + prior": {"calibrate": "CE", "prior": True}},
    }
    path = tmp_path / "small.yml"
    path.write_text(json.dumps(content), encoding="utf8")
    summary = compare(read_matrix(path), tmp_path / "records")
    assert not summary.failed, summary.failed
    assert summary.trained == 2
    file = tmp_path / "records" / "small" / "CE + prior" / "0.json"
    record = json.loads(file.read_text(encoding="utf8"))
    assert record["definition"]["prior"] is True
    assert "offsets" in record
