"""What is tried: losses with their settings, and settings of the config."""

import pickle
from dataclasses import replace

import optuna
import pytest

from spacy_dice.components import COMPONENTS
from spacy_dice.components.table import Recipe
from spacy_dice.experiments.definition import settings_of_loss
from spacy_dice.experiments.rows import Row
from spacy_dice.tuning.space import (
    FIXED,
    SETTINGS,
    Choice,
    Range,
    _full,
    make_space,
    read_search,
)

VALUES = {
    "training.optimizer.learn_rate": 0.001,
    "training.optimizer.use_averages": False,
    "training.dropout": 0.1,
    "training.seed": 0,
    "training.batcher.size": 100,
    "paths.train": None,
    "components.ner.model.hidden_width": 64,
}
NER, SPANCAT = COMPONENTS["dice_ner"], COMPONENTS["dice_spancat"]


def space_of(component=NER, **search):
    return make_space(component, VALUES, search, "search.yml")


def study_of(space):
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for name in space.fixed:
        study.enqueue_trial(space.params_of(name), user_attrs={FIXED: name})
    return study


@pytest.mark.parametrize("component", COMPONENTS.values(), ids=list(COMPONENTS))
def test_all_that_is_suggested_can_be_trained(component):
    space = space_of(component)
    study = study_of(space)
    rows = [space.row(study.ask()) for _ in range(60)]
    tried = set()
    for row in rows:
        block = settings_of_loss(row.name, row.block)
        tried.add(block["@losses"])
    assert tried == {_full(loss) for loss in space.losses}
    assert rows[0].block == {"@losses": component.stock_loss}
    assert not rows[0].overrides
    names = list(space.fixed)
    assert names[0] == "stock"
    assert [row.name for row in rows[: len(names)]] == names
    blocks = [row.block for row in rows[: len(names)]]
    assert component.recipe.loss in blocks
    assert component.loss in blocks
    # All that a worker process needs can be sent to it.
    assert pickle.loads(pickle.dumps(space)) == space


@pytest.mark.parametrize(("loss", "settings"), SETTINGS.items(), ids=list(SETTINGS))
def test_ranges_hold_the_defaults_and_their_ends_are_taken(loss, settings):
    known = settings_of_loss(loss, {"@losses": _full(loss)})
    for key, setting in settings.items():
        if (loss, key) != ("ASL", "margin"):
            assert setting.has(known[key])
        for value in (setting.low, setting.high):
            settings_of_loss(loss, {"@losses": _full(loss), key: value})


def test_settings_of_a_loss_are_there_with_it_only():
    space = space_of()
    study = study_of(space)
    for _ in range(30):
        trial = study.ask()
        row = space.row(trial)
        if FIXED not in trial.user_attrs:
            loss = trial.params["loss"]
            assert set(row.block) == {"@losses", *SETTINGS.get(loss, {})}
            assert row.name == f"{loss} ({trial.number})"


def test_the_recipe_brings_its_settings_and_the_stock_loss_those_of_the_config():
    loss = {"@losses": "dice.DSC.v1", "ce_weight": 0.3}
    recipe = Recipe(loss=loss, config={"training.optimizer.use_averages": True})
    space = space_of(replace(NER, recipe=recipe))
    assert space.fixed["recipe"] == Row(
        name="recipe", block=loss, overrides={"training.optimizer.use_averages": True}
    )
    assert space.params_of("stock") == {"loss": "CE", "training.optimizer.use_averages": "false"}
    assert space.params_of("recipe") == {
        "loss": "DSC",
        "DSC.ce_weight": 0.3,
        "DSC.alpha": 1.0,
        "training.optimizer.use_averages": "true",
    }


def test_a_range_without_the_value_of_the_config_leaves_it_as_it_is():
    learn_rate = {"low": 0.01, "high": 0.1, "log": True}
    space = space_of(**{"training.optimizer.learn_rate": learn_rate, "training.dropout": [0.2]})
    assert "training.optimizer.learn_rate" not in space.params_of("stock")
    # The value of the config is always one of the choices.
    assert space.settings["training.dropout"] == Choice([0.1, 0.2])
    assert space.params_of("stock")["training.dropout"] == "0.1"
    study = study_of(space)
    rows = [space.row(study.ask()) for _ in range(10)]
    assert "training.optimizer.learn_rate" not in (rows[0].overrides or {})
    for row in rows[2:]:
        value = row.overrides["training.optimizer.learn_rate"]
        assert 0.01 <= value <= 0.1
        assert value == float(f"{value:.3g}")
        assert row.overrides["training.dropout"] in (0.1, 0.2)


def test_integers_and_lists_stay_what_they_are():
    search = {
        "training.batcher.size": {"low": 10, "high": 20},
        "components.ner.model.hidden_width": [64, 32],
        "training.dropout": [0.1, [1, 2], True, 1],
    }
    space = space_of(**search)
    study = study_of(space)
    rows = [space.row(study.ask()) for _ in range(40)][2:]
    assert {type(row.overrides["training.batcher.size"]) for row in rows} == {int}
    found = [row.overrides["training.dropout"] for row in rows]
    assert {str(value) for value in found} == {"0.1", "[1, 2]", "True", "1"}


def test_losses_and_their_settings_can_be_named():
    space = space_of(**{"losses": ["DL", "dice.DSC.v1"], "DL.smooth": {"low": 0.1, "high": 1.0}})
    assert list(space.losses) == ["CE", "DL", "DSC"]
    assert space.of_loss["DL"]["smooth"] == Range(0.1, 1.0)


def test_rows_that_train_the_same():
    space = space_of(**{"training.dropout": [0.1, 0.2]})
    stock = space.fixed["stock"]
    same = Row(name="x", block={"@losses": "dice.CE.v1"}, overrides={"training.dropout": 0.1})
    other = Row(name="x", block={"@losses": "dice.CE.v1"}, overrides={"training.dropout": 0.2})
    loss = Row(name="x", block={"@losses": "dice.DL.v1"})
    assert space.identity(stock) == space.identity(same)
    assert len({space.identity(row) for row in (stock, other, loss)}) == 3
    spelled = Row(name="x", block={"@losses": "dice.DL.v1", "ce_weight": 1.0})
    assert space.identity(loss) == space.identity(spelled)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            {"training.optimizer.lern_rate": [0.1, 0.2]},
            "the config has no setting 'training.optimizer.lern_rate' "
            r"\(did you mean 'training.optimizer.learn_rate'\?\)",
        ),
        ({"training.dropout": {"low": 0.3, "high": 0.1}}, "low must be a number below high"),
        ({"training.dropout": {"low": "a", "high": 1}}, "low must be a number below high"),
        ({"training.dropout": {"low": 0, "high": 1, "log": True}}, "low must be > 0"),
        ({"training.dropout": {"low": 0, "high": 1, "log": 1}}, "log must be true or false"),
        ({"training.dropout": {"low": 0, "high": 1, "logg": 1}}, r"\(did you mean 'log'\?\)"),
        ({"training.dropout": {"low": 0.1}}, "expected a list of values or"),
        ({"training.dropout": 0.3}, "expected a list of values or"),
        ({"training.dropout": [0.1, 0.1]}, "expected at least two values"),
        ({"training.optimizer.use_averages": {"low": 0, "high": 1}}, "a range is for numbers"),
        ({"training.seed": [0, 1]}, "a seed is no setting to search; see --seeds"),
        ({"paths.train": ["a", "b"]}, "paths.train is no setting to search"),
        ({"losses": ["DCS"]}, r"'dice.DCS.v1' exists \(did you mean 'dice.DSC.v1'\?\)"),
        ({"losses": []}, "losses must be a list of names"),
        ({"DSC.smoth": {"low": 0.1, "high": 1}}, r"no setting 'smoth' \(did you mean 'smooth'\?\)"),
    ],
)
def test_what_is_refused(search, message):
    with pytest.raises(ValueError, match=f"search.yml.*{message}"):
        space_of(**search)


def test_search_files(tmp_path):
    assert read_search(None) == {}
    path = tmp_path / "search.yml"
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_search(path)
    path.write_text("training.dropout: {low: 1e-4, high: 3e-3, log: true}\n", encoding="utf8")
    expected = {"training.dropout": {"low": 0.0001, "high": 0.003, "log": True}}
    assert read_search(path) == expected
    for text, message in (("- a", "expected a mapping"), ("a: [", "is not valid YAML")):
        path.write_text(text, encoding="utf8")
        with pytest.raises(ValueError, match=message):
            read_search(path)
