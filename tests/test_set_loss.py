"""Losses put into the text of a config: only that changes, and spaCy takes the result."""

import pytest
import spacy
from pipelines import FACTORIES
from spacy.cli.init_config import init_config
from spacy.util import load_model_from_config
from thinc.api import Config

from spacy_dice.callbacks import UseLosses
from spacy_dice.components import COMPONENTS, row_of, row_of_factory
from spacy_dice.configs import loss_block, set_loss, set_settings, set_stock, stock_twin
from spacy_dice.losses import CE, FL

WAYS = ("callback", "factory")
SMALL = '[nlp]\nlang = "en"\npipeline = ["it"]\n\n[components]\n\n'
PIPELINES = {
    "ner": ["ner"],
    "several": ["tagger", "parser", "ner"],
    "categories": ["textcat"],
    "spans": ["spancat"],
}


def fresh(pipeline):
    """What `spacy init config` writes, with a comment above each section and setting."""
    text = init_config(lang="en", pipeline=pipeline, silent=True).to_str(interpolate=False)
    lines = []
    for i, line in enumerate(text.splitlines()):
        lines += [f"# Comment {i}", line] if line and not line[0].isspace() else [line]
    return "\n".join(lines) + "\n"


def read(text):
    return Config().from_str(text, interpolate=False)


def comments(text):
    return [line for line in text.splitlines() if line.startswith("#")]


@pytest.fixture(scope="module", params=PIPELINES)
def config(request):
    return fresh(PIPELINES[request.param])


@pytest.mark.parametrize("way", WAYS)
def test_only_the_loss_is_another(config, way):
    """One component after the other gets a loss; the rest of the text stays as it is."""
    text = config
    for name, settings in read(config)["components"].items():
        row = row_of_factory(settings["factory"])
        if row is None:
            continue
        text = set_loss(text, name, "FL", way=way)
        component = read(text)["components"][name]
        if way == "factory":
            assert component == {**settings, "factory": row.factory, "loss": loss_block("FL")}
        else:
            assert component == settings
            callback = read(text)["initialize"]["before_init"]
            assert callback["losses"][name] == loss_block("FL")
    gone = [c for c in comments(config) if c not in comments(text)]
    assert gone == []
    before, after = set(config.splitlines()), set(text.splitlines())
    assert len(before - after) <= len(COMPONENTS)
    nlp = load_model_from_config(read(text), auto_fill=True)
    for name in nlp.pipe_names:
        row = row_of(nlp.get_pipe(name))
        if row is not None and way == "factory":
            assert nlp.get_pipe(name).loss == FL()
        elif row is not None:
            assert type(nlp.get_pipe(name)) is row.stock_class
    if way == "callback":
        block = spacy.util.registry.resolve({"x": nlp.config["initialize"]["before_init"]})["x"]
        assert isinstance(block, UseLosses)
    # Without the losses it is the config from before; keys may stand in another order.
    assert stock_twin(read(text)) == stock_twin(read(config)) == read(config)


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
def test_a_loss_replaces_another(first, second):
    config = fresh(["ner", "tagger"])
    once = set_loss(config, "ner", "FL", way=second)
    twice = set_loss(set_loss(config, "ner", "DSC", way=first), "ner", "FL", way=second)
    assert read(twice) == read(once)
    assert set_loss(once, "ner", "FL", way=second) == once


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("factory", FACTORIES)
def test_what_is_recommended(factory, way):
    """Without a loss the whole recipe is applied, to configs with little in them, too."""
    text = SMALL + f'[components.it]\nfactory = "{factory}"\n'
    row = COMPONENTS[f"dice_{factory}"]
    found = read(set_loss(text, way=way))
    expected = spacy.util.registry.resolve({"loss": dict(row.recipe.loss)})["loss"]
    assert expected == CE()
    block = {"callback": lambda: found["initialize"]["before_init"]["losses"]["it"]}
    block["factory"] = lambda: found["components"]["it"]["loss"]
    assert spacy.util.registry.resolve({"loss": block[way]()})["loss"] == expected
    nlp = load_model_from_config(found, auto_fill=True)
    for key, value in row.recipe.config.items():
        settings = nlp.config
        for part in key.split("."):
            settings = settings[part]
        assert settings == value


def test_a_whole_block():
    block = {"@losses": "dice.DSC.v1", "ce_weight": 0.5, "exclude": ["O"]}
    text = set_loss(fresh(["ner"]), "ner", block, way="factory")
    assert read(text)["components"]["ner"]["loss"] == block


def test_a_component_within_a_line():
    """What cannot be changed line by line is right, too; only comments are lost."""
    text = SMALL + '# Here.\nit = {"factory": "ner"}\n'
    found = read(set_loss(text, "it", "FL", way="factory"))
    assert found["components"]["it"] == {"factory": "dice_ner", "loss": loss_block("FL")}


def with_callback(text):
    return text.replace("before_init = null\n", "") + (
        '\n[initialize.before_init]\n@callbacks = "my_callback.v1"\n'
    )


REFUSED = {
    "component": (lambda text: set_loss(text, "nre", "FL"), r"no component 'nre' \(did you mean"),
    "which": (lambda text: set_loss(text), "name the component, one of 'tagger', 'ner'"),
    "no loss": (lambda text: set_loss(text, "ner", "DCS"), r"did you mean 'dice\.DSC\.v1'"),
    "settings": (
        lambda text: set_loss(text, "ner", {"@losses": "dice.DSC.v1", "alpha": -1}),
        "alpha must be >= 0",
    ),
    "tok2vec": (lambda text: set_loss(text, "tok2vec"), "the loss of 'tok2vec'.* cannot be chosen"),
    "way": (lambda text: set_loss(text, "ner", way="both"), "way must be one of"),
    "text": (lambda text: set_loss("[a\n" + text), "is not a config that spaCy can read"),
    "callback": (
        lambda text: set_loss(with_callback(text), "ner"),
        r"is 'my_callback\.v1' already",
    ),
    "none": (lambda text: set_loss("[nlp]\nlang = 'en'\n"), "there is no component whose loss"),
    "source": (
        lambda text: set_loss(text.replace('factory = "ner"', 'source = "my_model"'), "ner"),
        "comes from 'my_model'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as raised:
        call(fresh(["tagger", "ner"]))
    assert "\n" not in str(raised.value)


def test_another_callback_is_no_hindrance_for_a_factory():
    text = set_loss(with_callback(fresh(["ner"])), "ner", "FL", way="factory")
    assert read(text)["initialize"]["before_init"] == {"@callbacks": "my_callback.v1"}


@pytest.mark.parametrize("way", WAYS)
def test_a_component_is_stock_again(config, way):
    """With its comments, whichever way it had another loss."""
    for name, settings in read(config)["components"].items():
        if row_of_factory(settings["factory"]) is None:
            continue
        changed = set_loss(config, name, "FL", way=way)
        back = set_stock(changed, name)
        assert read(back) == read(config)
        assert set(comments(back)) <= set(comments(config))
        assert set_stock(config, name) == config


def test_settings_are_changed_and_nothing_else(config):
    text = set_settings(config, {"training.dropout": 0.25, "training.optimizer.L2": 0.5})
    expected = read(config)
    expected["training"]["dropout"] = 0.25
    expected["training"]["optimizer"]["L2"] = 0.5
    assert read(text) == expected
    assert comments(text) == comments(config)
    assert set_settings(config, {}) == config
