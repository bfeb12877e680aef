"""What docs/contributing.md says a new component and a new loss need is enough."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pipelines import TOK2VEC, Case, complete, pipeline, tagger_model, train, weights
from small_matrix import SMALL, write_corpora
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.pipeline.tagger import DEFAULT_TAGGER_MODEL
from spacy.training import Corpus
from spacy.util import load_config, registry
from thinc.api import Config

from spacy_dice.calibration import calibrate
from spacy_dice.callbacks import use_losses
from spacy_dice.components import COMPONENTS, Component, Recipe, Score, register, row_of
from spacy_dice.components.base import initialize_with_loss
from spacy_dice.components.probed import ProbedTokenLoss
from spacy_dice.components.table import fixed
from spacy_dice.components.tallies import Tags
from spacy_dice.diagnosis import diagnose, to_text
from spacy_dice.diagnosis.advice import recommend
from spacy_dice.experiments.folder import read_records
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.report import write_report
from spacy_dice.experiments.runner import compare
from spacy_dice.items import tag, token_items
from spacy_dice.losses import RegisteredLoss
from spacy_dice.scorers import scores_of_items

ROOT = Path(__file__).parents[1]
TOY = "toy_tagger"


class ToyTagger(Tagger):
    """A stock component that the package does not know."""


@Language.factory(TOY, default_config={"model": DEFAULT_TAGGER_MODEL})
def make_toy_tagger(nlp: Language, name: str, model):
    return ToyTagger(nlp.vocab, model, name, scorer=score_toy)


def score_toy(examples, **settings):
    return scores_of_items(list(examples), "toy", token_items(tag))


class DiceToyTagger(ProbedTokenLoss, ToyTagger):
    """The class of a new component."""

    annotation = ("TAG",)
    initialize = initialize_with_loss(ToyTagger.initialize)


# Its row.
ROW = Component(
    stock=TOY,
    cls=DiceToyTagger,
    output="softmax",
    recipe=Recipe(loss={"@losses": "dice.DSC.v1", "ce_weight": 0.5}, calibrate=()),
    tally=Tags,
    items=fixed(token_items(tag)),
    prefix="toy",
    scores={"toy_micro_f": Score("toy F1", "micro")},
)


@dataclass(kw_only=True)
class GCE(RegisteredLoss):
    """A new loss: generalized cross entropy, (1 - p^q)/q (Zhang and Sabuncu 2018, equation 6)."""

    q: float = 0.7

    def evaluate(self, batch):
        rows = 1.0 if batch.weights is None else batch.weights.mean(axis=1, keepdims=True)
        power = (batch.targets * batch.probs).sum(axis=1, keepdims=True) ** self.q
        gradient = power * (batch.probs - batch.targets) * rows
        return float(((1 - power) / self.q * rows).sum()), gradient


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The entry points of both."""
    registry.losses.register("toy.GCE.v1", func=GCE)
    register(ROW)
    yield
    del COMPONENTS[ROW.factory]


LOSS = {"@losses": "toy.GCE.v1", "q": 0.5}
CASE = Case(TOY, {"model": tagger_model()})


def test_training_both_ways():
    explicit, stock = pipeline(CASE, LOSS), pipeline(CASE, stock=True)
    use_losses(stock, {TOY: GCE(q=0.5)})
    for nlp in (explicit, stock):
        train(nlp)
        assert type(nlp.get_pipe(TOY)) is DiceToyTagger
        assert row_of(nlp.get_pipe(TOY)) is ROW
    assert weights(explicit) == weights(stock)
    losses = train(explicit, updates=60, drop=0.0, data=complete)
    assert losses[TOY] > 0
    gold = complete(explicit.vocab)
    found = explicit.pipe(example.predicted for example in gold)
    for doc, example in zip(found, gold, strict=True):
        assert [t.tag_ for t in doc] == [t.tag_ for t in example.reference]


def test_training_as_the_stock_component_does():
    stock, ours = pipeline(CASE, stock=True), pipeline(CASE, ROW.stock_loss)
    for nlp in (stock, ours):
        train(nlp)
    assert weights(stock) == weights(ours)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    return write_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A config with the component, which is called a tagger there."""
    config = load_config(ROOT / "configs" / "tagger.cfg", overrides=SMALL, interpolate=False)
    component = {"factory": ROW.factory, "model": tagger_model(TOK2VEC), "loss": LOSS}
    config["components"] = {"tagger": component}
    config["nlp"]["pipeline"] = ["tagger"]
    config["training"]["score_weights"] = {"toy_micro_f": 1.0}
    path = tmp_path_factory.mktemp("config") / "toy.cfg"
    Config(config).to_disk(path)
    return path


def test_diagnose(corpora, config):
    diagnosis = diagnose(Path(corpora["train"]), config, Path(corpora["dev"]))
    [finding] = diagnosis.findings
    assert finding.component.row is ROW
    assert finding.train.examples == {"P": 56, "V": 40, "N": 32}
    assert finding.recommendations[0].block == {"@losses": ROW.stock_loss}
    assert "56" in to_text(diagnosis)
    assert finding.calibrate is None
    rare = replace(finding.train, positives={"P": 116, "V": 6, "N": 6})
    assert recommend(ROW, rare)[0].block == {"@losses": "dice.DSC.v1", "ce_weight": 0.5}
    rare = replace(finding, train=rare)
    assert rare.recipe == ('[components.tagger.loss]\n@losses = "dice.DSC.v1"\nce_weight = 0.5\n')
    assert "model-calibrated" in rare.calibrate
    # Of components that learn from the same annotation only the first is shown without a config.
    shown = [finding.component.stock for finding in diagnose(Path(corpora["train"])).findings]
    assert "tagger" in shown
    assert TOY not in shown


def test_compare_and_report(corpora, config, tmp_path):
    matrix = tmp_path / "toy.yml"
    matrix.write_text(
        f"""
baseline: CE
seeds: [0, 1]
steps: 6
datasets:
  toys: {{train: '{corpora["train"]}', dev: '{corpora["dev"]}', test: '{corpora["test"]}',
    config: '{config}', component: tagger}}
losses:
  CE: dice.CE.v1
  GCE: {{"@losses": toy.GCE.v1, q: 0.5}}
  GCE + offsets: {{calibrate: GCE}}
""",
        encoding="utf8",
    )
    summary = compare(read_matrix(matrix), tmp_path / "results")
    assert (summary.trained, summary.failed) == (6, {})
    records = list(read_records(tmp_path / "results"))
    assert all(record["scores"] == ["toy_micro_f"] for record in records)
    assert {record["definition"]["loss"]["@losses"] for record in records} == {
        "dice.CE.v1",
        "toy.GCE.v1",
    }
    overview = write_report(tmp_path / "results", plots=False)
    assert overview.header == ["loss", "toys, toy F1"]
    assert "GCE + offsets" in [row[0] for row in overview.rows]


def test_calibrate(corpora):
    nlp = pipeline(CASE, LOSS)
    examples = list(Corpus(corpora["train"])(nlp))
    train(nlp, updates=3, drop=0.0, data=lambda vocab: list(Corpus(corpora["train"])(nlp)))
    found = calibrate(nlp, examples)
    assert found.component == TOY
    assert found.after[found.metric] >= found.before[found.metric]
