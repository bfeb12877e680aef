"""Transformers: every component learns on one, and the shipped configs train, save and load."""

import copy

import pytest
import spacy
from pipelines import FACTORIES, annotations, complete, document, examples, pipeline, train
from small_matrix import ROOT
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.training import Corpus
from spacy.util import load_config
from tiny_transformer import listening, save_bert, save_xlnet, transformer

from corpora.pairs import join
from spacy_dice.calibration import calibrate_pipeline

pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
# What thinc, torch and transformers do among themselves.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:torch")

CONFIGS = sorted(path.stem.removesuffix("_trf") for path in ROOT.glob("configs/*_trf.cfg"))


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def xlnet(tmp_path_factory):
    return save_xlnet(tmp_path_factory.mktemp("xlnet"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """The sentences as a `.spacy` file."""
    path = tmp_path_factory.mktemp("corpus") / "all.spacy"
    vocab = spacy.blank("en").vocab
    docs = [document(vocab, i) for i in range(4)] * 3
    for doc in docs:
        # One of them, as `textcat` wants it.
        best = max(doc.cats, key=lambda label: doc.cats[label])
        doc.cats = {label: float(label == best) for label in doc.cats}
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return str(path)


def predicted(nlp):
    docs = [nlp(eg.reference.text) for eg in complete(nlp.vocab)]
    return [annotations(doc) for doc in docs]


def parameters(nlp):
    """Copies of the weights of the transformer."""
    shim = nlp.get_pipe("transformer").model.layers[0].shims[0]
    return {name: value.clone() for name, value in shim._model.state_dict().items()}


@pytest.mark.parametrize("factory", FACTORIES)
def test_every_component_on_a_transformer(factory, bert, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=transformer(bert))
    nlp.add_pipe(f"dice_{factory}", name=factory, config=copy.deepcopy(listening(factory)))
    losses = train(nlp, data=complete, updates=2)
    assert losses[factory] > 0
    before = parameters(nlp)
    train(nlp, data=complete, updates=1, initialize=False)
    # The gradient of the loss arrives at the transformer.
    assert any((value != before[name]).any() for name, value in parameters(nlp).items())
    nlp.to_disk(tmp_path)
    assert predicted(spacy.load(tmp_path)) == predicted(nlp)


@pytest.mark.parametrize("factory", ["ner", "spancat"])
def test_a_teacher_on_a_transformer(factory, bert, tmp_path):
    """For a student on one, whose documents carry its own output, and for one without."""
    teacher = spacy.blank("en")
    teacher.add_pipe("transformer", config=transformer(bert))
    teacher.add_pipe(f"dice_{factory}", name=factory, config=copy.deepcopy(listening(factory)))
    train(teacher, data=complete, updates=2)
    teacher.to_disk(tmp_path)
    loss = {"@losses": "dice.Distill.v1", "teachers": [str(tmp_path)]}
    same = spacy.load(tmp_path, config={"components": {factory: {"loss": loss}}})
    for student in (same, pipeline(factory, loss)):
        assert train(student, data=complete, updates=2, initialize=student is not same)[factory] > 0


@pytest.mark.parametrize("factory", ["ner", "textcat"])
def test_xlnet(factory, xlnet, tmp_path):
    """It trains, saves and reloads as BERT does."""
    test_every_component_on_a_transformer(factory, xlnet, tmp_path)


@pytest.mark.parametrize(
    ("model", "separator", "side"), [("bert", "[SEP]", "right"), ("xlnet", "<sep>", "left")]
)
def test_pairs_and_padding(model, separator, side, request):
    """A separator is one piece, and what a token gets does not depend on the padding."""
    nlp = spacy.blank("en")
    config = transformer(request.getfixturevalue(model))
    # No document is cut into spans here.
    config["model"]["get_spans"] = {"@span_getters": "spacy-transformers.doc_spans.v1"}
    nlp.add_pipe("transformer", config=config)
    nlp.initialize()
    long = document(nlp.vocab, 0).text
    left, right = long.split()[:2]

    def annotated(*docs):
        found = []
        for doc in nlp.pipe(list(docs)):
            data = doc._.trf_data
            states = data.model_output.last_hidden_state.reshape(-1, 16)
            rows = [data.align[i].dataXd.ravel() for i in range(len(doc))]
            found.append(([states[row].mean(axis=0) for row in rows], data, rows))
        return found

    def pair():
        return join(nlp, left, right, separator)

    ((alone, _, _),) = annotated(pair())
    (beside, data, rows), _ = annotated(pair(), join(nlp, long, long, separator))
    (strings,) = data.wordpieces.strings
    assert data.model_output.last_hidden_state.shape[1] > sum(map(len, rows))
    padding = [i for i, piece in enumerate(strings) if piece.upper() in ("[PAD]", "<PAD>")]
    assert (0 in padding, len(strings) - 1 in padding) == (side == "left", side == "right")
    pieces = [strings[row] for row in rows[1]]
    assert [piece for piece in pieces if piece != "\u2581"] == [separator]
    for one, other in zip(alone, beside, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_two_components_share_a_transformer(bert):
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=transformer(bert))
    for factory in ("tagger", "ner"):
        nlp.add_pipe(f"dice_{factory}", name=factory, config=copy.deepcopy(listening(factory)))
    losses = train(nlp, data=examples)
    assert losses["tagger"] > 0
    assert losses["ner"] > 0
    assert losses["transformer"] > 0


@pytest.mark.parametrize(
    ("factory", "key"),
    [("ner", "ents_f"), ("tagger", "tag_acc"), ("textcat_multilabel", "cats_macro_f")],
)
def test_calibrated(factory, key, bert, corpus, tmp_path):
    """The decisions change, and the transformer does not."""
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=transformer(bert))
    nlp.add_pipe(f"dice_{factory}", name=factory, config=copy.deepcopy(listening(factory)))
    train(nlp, data=complete, updates=3)
    nlp.to_disk(tmp_path / "model")
    found = calibrate_pipeline(str(tmp_path / "model"), corpus, tmp_path / "calibrated")
    assert found.after[found.metric] >= found.before[found.metric]
    changed = spacy.load(tmp_path / "calibrated")
    before = parameters(nlp)
    assert all((value == before[name]).all() for name, value in parameters(changed).items())
    scores = changed.evaluate(list(Corpus(corpus)(changed)))
    assert scores[key] == pytest.approx(found.after[key], abs=1e-6)


# Those of questions have documents of their own: see test_query_transformers.py.
@pytest.mark.parametrize("task", [task for task in CONFIGS if task not in ("qa", "mrc_ner")])
def test_shipped_configs_train(task, bert, corpus, tmp_path):
    overrides = {
        "paths.train": corpus,
        "paths.dev": corpus,
        "paths.transformer": bert,
        "training.max_steps": 4,
        "training.eval_frequency": 2,
        "training.optimizer.learn_rate.warmup_steps": 1,
        "training.optimizer.learn_rate.initial_rate": 0.01,
    }
    spacy_train(ROOT / "configs" / f"{task}_trf.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    added = {"ner": "ents", "spancat": "spans_sc", "tagger": "tag", "textcat": "cats"}[task]
    assert f"{added}_macro_f" in nlp.meta["performance"]
    assert f"{added}_weighted_f" in nlp.meta["performance"]
    nlp.to_disk(tmp_path / "again")
    assert predicted(spacy.load(tmp_path / "again")) == predicted(nlp)


@pytest.mark.parametrize("task", CONFIGS)
def test_configs_are_those_without_a_transformer(task):
    """Nothing but the transformer, and what goes with it, is different."""
    config, plain = (load_config(ROOT / "configs" / f"{task}{end}.cfg") for end in ("_trf", ""))
    assert config["nlp"]["pipeline"] == ["transformer", task]
    assert config["training"]["accumulate_gradient"] == 3
    assert config["components"][task]["loss"] == plain["components"][task]["loss"]
    assert set(plain["training"]["score_weights"]) <= set(config["training"]["score_weights"])
    assert config["corpora"] == plain["corpora"]
    assert config["initialize"] == plain["initialize"]
    for name, value in plain["components"][task].items():
        if name not in ("model", "scorer"):
            assert config["components"][task][name] == value
    for number in (2, 5):
        changed = load_config(
            ROOT / "configs" / f"{task}_trf.cfg",
            overrides={"training.max_steps": number, "system.mixed_precision": True},
            interpolate=True,
        )
        assert changed["training"]["optimizer"]["learn_rate"]["total_steps"] == number
        assert changed["components"]["transformer"]["model"]["mixed_precision"] is True
