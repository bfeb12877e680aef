"""Stock pipelines that are trained with other losses, and stay stock pipelines."""

import pickle
import re

import pytest
import spacy
from pipelines import (
    CASES,
    FACTORIES,
    LISTENER,
    SENTENCES,
    TOK2VEC,
    annotations,
    complete,
    examples,
    pipeline,
    tagger_model,
    train,
    transition_model,
    weights,
)
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_dice.callbacks import UseLosses, use_losses
from spacy_dice.components import COMPONENTS
from spacy_dice.losses import CE, DSC, WCE

TEXTS = [text for text, *_ in SENTENCES]
factories = pytest.mark.parametrize("factory", FACTORIES)


@spacy.registry.readers("spacy_dice_tests.complete.v1")
def read_complete():
    """A corpus of the examples of these tests."""
    return lambda nlp: complete(nlp.vocab)


READER = {"@readers": "spacy_dice_tests.complete.v1"}


def with_callback(nlp, losses):
    """`nlp` with the callback in its config, for each name a registered loss or a block."""
    blocks = {k: {"@losses": v} if isinstance(v, str) else v for k, v in losses.items()}
    callback = {"@callbacks": "dice.use_losses.v1", "losses": blocks}
    nlp.config["initialize"]["before_init"] = callback
    return nlp


def listening():
    """A stock pipeline of two components that listen to one tok2vec."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("tagger", config={"model": tagger_model(LISTENER)})
    nlp.add_pipe("ner", config={"model": transition_model("ner", LISTENER)})
    return nlp


def training_config(nlp, **settings):
    """The config of `nlp`, with what `spacy train` needs."""
    config = Config(nlp.config).copy()
    config["corpora"] = {"train": READER, "dev": READER}
    config["training"].update(max_steps=3, eval_frequency=2, **settings)
    return Config(config)


@factories
def test_trains_as_the_explicit_factory_does(factory):
    loss = {"@losses": "dice.DSC.v1", "alpha": 0.5}
    explicit, stock = pipeline(factory, loss), pipeline(factory, stock=True)
    with_callback(stock, {factory: loss})
    for nlp in (explicit, stock):
        train(nlp)
    assert weights(stock) == weights(explicit)
    plain = pipeline(factory, stock=True)
    train(plain)
    assert weights(stock) != weights(plain)


@factories
def test_stock_equal_loss_trains_stock_weights(factory):
    stock, ours = pipeline(factory, stock=True), pipeline(factory, stock=True)
    with_callback(ours, {factory: CASES[factory].stock_loss})
    for nlp in (ours, stock):
        train(nlp)
    assert weights(ours) == weights(stock)


@factories
def test_what_is_saved_is_stock(factory, tmp_path):
    nlp = with_callback(pipeline(factory, stock=True), {factory: "dice.DSC.v1"})
    train(nlp)
    assert type(nlp.get_pipe(factory)) is COMPONENTS[f"dice_{factory}"].cls
    nlp.to_disk(tmp_path)
    copy = spacy.load(tmp_path)
    stock = spacy.blank("en").add_pipe(factory)
    assert type(copy.get_pipe(factory)) is type(stock)
    assert weights(copy) == weights(nlp)
    config = Config().from_disk(tmp_path / "config.cfg")
    assert config["components"][factory]["factory"] == factory
    lines = [line for line in config.to_str().splitlines() if "dice" in line]
    # What spaCy has no component for needs this package anyway.
    found = [line for line in lines if line != '@scorers = "dice.query_spans_scorer.v1"']
    assert (found == lines) == (factory != "query_spans")
    assert found == ['@callbacks = "dice.use_losses.v1"', '@losses = "dice.DSC.v1"']
    assert config["initialize"].keys() >= {"before_init"}


def test_config_of_the_documentation():
    """As text, filled and resolved."""
    nlp = listening()
    text = nlp.config.to_str() + (
        '\n[initialize.before_init]\n@callbacks = "dice.use_losses.v1"\n'
        "\n[initialize.before_init.losses]\n"
        '\n[initialize.before_init.losses.ner]\n@losses = "dice.DSC.v1"\nalpha = 0.5\n'
        '\n[initialize.before_init.losses.tagger]\n@losses = "dice.TL.v1"\n'
    )
    config = Config().from_str(text.replace("before_init = null\n", ""))
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    nlp.initialize(lambda: complete(nlp.vocab))
    assert nlp.get_pipe("ner").loss.alpha == 0.5
    assert type(nlp.get_pipe("tagger").loss).__name__ == "TL"


def test_spacy_train(tmp_path):
    nlp = with_callback(listening(), {"ner": "dice.DSC.v1", "tagger": "dice.DSC.v1"})
    config = training_config(nlp)
    config.to_disk(tmp_path / "config.cfg")
    spacy.cli.train.train(tmp_path / "config.cfg", tmp_path / "out")
    trained = spacy.load(tmp_path / "out" / "model-last")
    assert trained.pipe_names == ["tok2vec", "tagger", "ner"]
    plain = init_nlp(training_config(listening()))
    assert weights(plain) != weights(trained)
    assert "loss" not in trained.config["components"]["ner"]


@pytest.mark.parametrize("factory", ["ner", "tagger", "textcat", "spancat"])
@pytest.mark.parametrize("learn_rate", [0.0, 0.01])
def test_spacy_train_goes_on(factory, learn_rate, tmp_path):
    """With the weights and the loss of a component that is sourced."""
    nlp = pipeline(factory, {"@losses": "dice.DSC.v1", "alpha": 0.5})
    train(nlp)
    nlp.to_disk(tmp_path / "model")
    config = training_config(nlp)
    config["components"] = {factory: {"source": str(tmp_path / "model")}}
    config["training"]["optimizer"]["learn_rate"] = learn_rate
    config.to_disk(tmp_path / "config.cfg")
    spacy.cli.train.train(tmp_path / "config.cfg", tmp_path / "out")
    resumed = spacy.load(tmp_path / "out" / "model-last")
    assert type(resumed.get_pipe(factory).loss) is DSC
    assert resumed.get_pipe(factory).loss.alpha == 0.5
    assert (weights(resumed) == weights(nlp)) == (learn_rate == 0)


def test_initializing_twice():
    nlp = with_callback(listening(), {"ner": "dice.DSC.v1"})
    train(nlp, updates=1)
    pipe = nlp.get_pipe("ner")
    train(nlp, updates=1)
    assert nlp.get_pipe("ner") is pipe


def test_frozen_components_are_left_alone():
    nlp = with_callback(listening(), {"ner": "dice.DSC.v1", "tagger": "dice.DSC.v1"})
    config = training_config(nlp, frozen_components=["ner"], annotating_components=["tok2vec"])
    with pytest.warns(UserWarning, match=r"'ner' is in \[training\.frozen_components\]"):
        nlp = init_nlp(config)
    assert type(nlp.get_pipe("tagger").loss) is DSC
    assert not hasattr(nlp.get_pipe("ner"), "loss")


def sourced_config(tmp_path, losses, **ner):
    """A pipeline whose NER comes from a trained one, beside a new tagger."""
    source = listening()
    train(source, updates=30, drop=0.0)
    source.to_disk(tmp_path)
    config = training_config(with_callback(listening(), losses))
    config["components"]["tok2vec"] = {"source": str(tmp_path)}
    config["components"]["ner"] = {"source": str(tmp_path), **ner}
    return source, config


@pytest.mark.parametrize("ner", [{}, {"replace_listeners": ["model.tok2vec"]}])
def test_sourced_components_and_replaced_listeners(tmp_path, ner):
    losses = {"ner": {"@losses": "dice.DSC.v1", "exclude": ["O"]}, "tagger": "dice.DSC.v1"}
    source, config = sourced_config(tmp_path, losses, **ner)
    nlp = init_nlp(config)
    pipe = nlp.get_pipe("ner")
    assert pipe.loss.exclude == ["O"]
    entities = [[annotations(p(text))["entities"] for text in TEXTS] for p in (nlp, source)]
    assert entities[0] == entities[1] != [[]] * len(TEXTS)
    listeners = nlp.get_pipe("tok2vec").listening_components
    assert listeners == (["tagger"] if ner else ["tagger", "ner"])
    before = weights(nlp)
    train(nlp, initialize=False)
    after = weights(nlp)
    assert all(before[name] != after[name] for name in before)
    # An explicit component is sourced with its loss; so is one that was given it here.
    assert nlp.config["components"]["ner"]["factory"] == "ner"


def test_labels_of_sourced_components_are_checked_before_training(tmp_path):
    losses = {"ner": {"@losses": "dice.DSC.v1", "exclude": ["PRODUCT"]}}
    _, config = sourced_config(tmp_path, losses)
    with pytest.raises(ValueError, match=r"exclude names the label 'PRODUCT', .*'CITY'"):
        init_nlp(config)


@pytest.mark.parametrize("loss", [DSC(exclude=["PRODUCT"]), WCE()])
def test_labels_of_trained_components_are_checked_at_once(loss):
    nlp = listening()
    train(nlp, updates=1)
    before, states = classes(nlp), [dict(vars(nlp.get_pipe("tagger")))]
    with pytest.raises(ValueError, match=r"'PRODUCT'|labels are only counted when"):
        use_losses(nlp, {"tagger": CE(), "ner": loss})
    assert classes(nlp) == before
    assert [vars(nlp.get_pipe("tagger"))] == states
    blank = use_losses(listening(), {"tagger": CE(), "ner": loss})
    assert blank.get_pipe("ner").loss is loss


@factories
def test_resumed_training(factory, tmp_path):
    """Without `nlp.initialize`, the function does what the callback would have done."""
    nlp = pipeline(factory, stock=True)
    train(nlp)
    nlp.to_disk(tmp_path)
    resumed = []
    for losses in ({factory: DSC()}, {}):
        copy = spacy.load(tmp_path)
        if factory == "trainable_lemmatizer":
            # spaCy forgets when loading which tree has which label.
            pipe = copy.get_pipe(factory)
            pipe.tree2label = {tree: i for i, tree in enumerate(pipe.labels)}
        copy.resume_training()
        if losses:
            assert use_losses(copy, losses) is copy
        train(copy, initialize=False)
        resumed.append(weights(copy))
    assert resumed[0] != resumed[1]


@pytest.mark.parametrize("factory", ["ner", "parser"])
def test_new_components_keep_everything(factory):
    """NER and parser are made again: with their settings, and what rehearsal needs."""
    case = CASES[factory]
    case = case._replace(config={**case.config, "update_with_oracle_cut_size": 9})
    nlp = pipeline(case, stock=True)
    train(nlp)
    nlp.resume_training()
    before = nlp.get_pipe(factory)
    use_losses(nlp, {factory: CE()})
    after = nlp.get_pipe(factory)
    assert after is not before
    for attribute in ("model", "moves", "vocab", "name", "scorer", "_rehearsal_model"):
        assert getattr(after, attribute) is getattr(before, attribute) is not None
    assert after.cfg == before.cfg
    assert after.cfg["update_with_oracle_cut_size"] == 9
    assert nlp.rehearse(examples(nlp.vocab)[:3]) != {}


def test_disabled_components_are_found():
    nlp = listening()
    with nlp.select_pipes(disable=["ner"]):
        use_losses(nlp, {"ner": DSC()})
    assert type(nlp.get_pipe("ner").loss) is DSC
    assert nlp.pipe_names == ["tok2vec", "tagger", "ner"]


def test_label_counts_are_no_trouble_for_the_stock_component(tmp_path):
    nlp = with_callback(listening(), {"ner": "dice.WCE.v1", "tagger": "dice.WCE.v1"})
    train(nlp)
    assert nlp.get_pipe("ner").cfg["label_counts"]
    nlp.to_disk(tmp_path)
    copy = pickle.loads(pickle.dumps(spacy.load(tmp_path)))
    assert weights(copy) == weights(nlp)
    use_losses(copy, {"ner": WCE(), "tagger": WCE()})
    train(copy, initialize=False)


def classes(nlp):
    return [(name, type(pipe)) for name, pipe in nlp.components]


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({}, "losses must name at least one component, got none"),
        (
            {"tagger": DSC(), "nor": DSC()},
            "there is no component 'nor' in the pipeline, which has 'tok2vec', 'tagger', 'ner', "
            "'sentencizer' (did you mean 'ner'?)",
        ),
        (
            {"tagger": DSC(), "sentencizer": DSC()},
            "the loss of 'sentencizer', a Sentencizer, cannot be chosen; of this pipeline, the "
            "components whose loss can be are 'tagger', 'ner'",
        ),
        (
            {"tagger": DSC(), "tok2vec": DSC()},
            "the loss of 'tok2vec', a Tok2Vec, cannot be chosen; of this",
        ),
        ({"tagger": DSC(), "ner": "dice.DSC.v1"}, "expected a registered loss, got 'dice.DSC.v1'"),
    ],
)
def test_bad_input_leaves_the_pipeline_unchanged(losses, message):
    nlp = listening()
    nlp.add_pipe("sentencizer")
    before = classes(nlp)
    with pytest.raises(ValueError, match=re.escape(message)):
        use_losses(nlp, losses)
    assert classes(nlp) == before


def test_beam_updates_are_refused():
    nlp = listening()
    nlp.get_pipe("ner").cfg["beam_update_prob"] = 0.5
    before = classes(nlp)
    with pytest.raises(
        ValueError, match=r"components\.ner\]: beam_update_prob must be 0, got 0\.5"
    ):
        use_losses(nlp, {"tagger": DSC(), "ner": DSC()})
    assert classes(nlp) == before


def test_an_empty_pipeline():
    with pytest.raises(ValueError, match="no component 'ner' in the pipeline, which has none"):
        use_losses(spacy.blank("en"), {"ner": DSC()})


def test_annotation_is_checked_before_training():
    nlp = with_callback(listening(), {"ner": "dice.DSC.v1"})

    def tags_only():
        docs = [Doc(nlp.vocab, words=["a", "b"], tags=["A", "B"]) for _ in range(2)]
        return [spacy.training.Example(doc.copy(), doc) for doc in docs]

    with pytest.warns(UserWarning, match=r"components\.ner\]: the training data .*'TAG'"):
        nlp.initialize(tags_only)


def test_the_callback_is_registered_and_pickles():
    make = spacy.registry.get("callbacks", "dice.use_losses.v1")
    callback = pickle.loads(pickle.dumps(make({"ner": DSC()})))
    assert type(callback) is UseLosses
    assert type(callback(listening()).get_pipe("ner").loss) is DSC
