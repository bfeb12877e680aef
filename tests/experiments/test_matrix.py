"""The YAML file of a matrix, and what is refused in it before anything is trained."""

import json

import pytest
from small_matrix import ROOT, matrix_content, write_matrix

from spacy_dice.experiments.definition import runs_of
from spacy_dice.experiments.folder import differences
from spacy_dice.experiments.matrix import parse_matrix, read_matrix


def parse(content):
    return parse_matrix(content, name="small", owner="small.yml")


def test_shipped_matrices_are_valid():
    for name in ("compare", "losses", "transformers"):
        matrix = read_matrix(ROOT / "configs" / f"{name}.yml")
        assert matrix.name == name
        assert matrix.baseline == "CE"


def test_all_runs_by_seed_first(tmp_path):
    runs = runs_of(parse(matrix_content(tmp_path)))
    assert [run.seed for run in runs] == [0] * 4 + [1] * 4
    assert len({run.hash for run in runs}) == 8
    assert str(runs[0].path) == "entities/CE/0.json"


def test_rows():
    block = {"@losses": "dice.DSC.v1", "alpha": 0.5}
    content = {
        "seeds": [0],
        "datasets": {"d": dict.fromkeys(("train", "dev", "test", "config", "component"), "x")},
        "losses": {
            "a": "dice.CE.v1",
            "b": block,
            "c": {"loss": block, "overrides": {"training.dropout": 0.2}},
            "a + offset": {"calibrate": "a"},
            "a + types": {"calibrate": "a", "types": True},
            "a for X": {"calibrate": "a", "metric": "X"},
        },
    }
    rows = parse(content).rows
    assert rows["a"].block == {"@losses": "dice.CE.v1"}
    assert rows["b"].block == rows["c"].block == block
    assert rows["c"].overrides == {"training.dropout": 0.2}
    assert rows["a + offset"].calibrate == rows["a + types"].calibrate == "a"
    assert (rows["a + offset"].types, rows["a + types"].types) == (False, True)
    assert (rows["a + offset"].metric, rows["a for X"].metric) == (None, "X")


def length_of(dataset):
    return dataset.steps, dataset.patience, dataset.max_steps


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ({}, {}, (None, None, None)),
        ({"steps": 6}, {}, (6, None, None)),
        ({"steps": 6}, {"steps": 9}, (9, None, None)),
        ({"steps": 6}, {"patience": 4}, (None, 4, 20_000)),
        ({"patience": 4}, {}, (None, 4, 20_000)),
        ({"patience": 4, "max_steps": 50}, {}, (None, 4, 50)),
        ({"patience": 4, "max_steps": 50}, {"patience": 8}, (None, 8, 50)),
        ({"patience": 4, "max_steps": 50}, {"max_steps": 60}, (None, 4, 60)),
        ({"patience": 4, "max_steps": 50}, {"steps": 9}, (9, None, None)),
    ],
)
def test_how_long_is_trained(tmp_path, outer, inner, expected):
    content = matrix_content(tmp_path, **outer)
    if "steps" not in outer:
        del content["steps"]
    content["datasets"]["entities"].update(inner)
    datasets = parse(content).datasets
    assert length_of(datasets["entities"]) == expected
    # What a data set says is for it alone.
    assert length_of(datasets["tags"]) == length_of(
        parse({**content, "datasets": {"tags": content["datasets"]["tags"]}}).datasets["tags"]
    )


def changed(content, path, value):
    *parents, last = path.split("/")
    inner = content
    for key in parents:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sedes", [1], r"no key 'sedes' \(did you mean 'seeds'\?\)"),
        ("seeds", None, "the key 'seeds' is missing"),
        ("seeds", [], "seeds must be a list of integers >= 0"),
        ("seeds", [1, 1], "seeds must differ"),
        ("seeds", [True], "seeds must be a list of integers >= 0"),
        ("baseline", "CEE", r"no loss 'CEE' \(did you mean 'CE'\?\)"),
        ("datasets/entities/tset", "x", r"no key 'tset' \(did you mean 'test'\?\)"),
        ("datasets/entities/dev", None, "the key 'dev' is missing"),
        ("datasets/entities/steps", 0, "steps must be an integer > 0, got 0"),
        ("patience", 5, "steps is a fixed number of steps, without patience and max_steps"),
        ("datasets/entities/patience", 0, "patience must be an integer > 0, got 0"),
        ("datasets/entities/patience", True, "patience must be an integer > 0, got True"),
        ("datasets/entities/max_steps", 9, "max_steps goes with patience"),
        ("datasets/entities/losses", ["DCS"], r"no loss 'DCS' \(did you mean 'DSC'\?\)"),
        ("datasets/entities/overrides", {"dropout": 1}, "'dropout' is not the dotted name"),
        ("losses/../x", "dice.CE.v1", "a name must be letters"),
        ("losses/ce", "dice.CE.v1", "'CE' is there twice"),
        ("losses/DSC", 3, "expected the name of a registered loss"),
        ("losses/T", {"calibrate": "CE", "types": "all"}, "types must be true or false, got 'all'"),
        ("losses/T", {"calibrate": "CE", "metric": 1}, "metric must be a string, got 1"),
        ("losses/T", {"calibrate": "CE", "typs": True}, r"did you mean 'types'\?"),
        ("losses/T", {"calibrate": "CEE"}, r"no loss 'CEE' \(did you mean 'CE'\?\)"),
    ],
)
def test_refused_by_the_file_alone(tmp_path, path, value, message):
    content = matrix_content(tmp_path)
    if path == "losses/../x":
        content["losses"]["../x"] = value
    else:
        changed(content, path, value)
    with pytest.raises(ValueError, match=message):
        parse(content)


@pytest.mark.parametrize(
    ("path", "value", "error", "message"),
    [
        (
            "losses/DSC",
            "dice.DCS.v1",
            ValueError,
            r"no registered loss 'dice.DCS.v1' exists \(did you mean 'dice.DSC.v1'\?\)",
        ),
        (
            "losses/DSC",
            {"@losses": "dice.DSC.v1", "ce_wieght": 1},
            ValueError,
            r"no setting 'ce_wieght' \(did you mean 'ce_weight'\?\)",
        ),
        ("losses/DSC", {"@losses": "dice.DSC.v1", "alpha": -1}, ValueError, "alpha must be >= 0"),
        ("datasets/entities/train", "no.spacy", FileNotFoundError, "no corpus no.spacy"),
        ("datasets/entities/config", "no.cfg", FileNotFoundError, "config: no.cfg"),
        (
            "datasets/entities/component",
            "nre",
            ValueError,
            r"no component 'nre' \(did you mean 'ner'\?\)",
        ),
        (
            "datasets/entities/component",
            "tok2vec",
            ValueError,
            "must be one with a loss .*'dice_ner'.*, got 'tok2vec'",
        ),
        (
            "datasets/entities",
            {"patience": 2, "max_steps": 9},
            ValueError,
            r"patience must be at least training\.eval_frequency, which is 3, got 2",
        ),
        (
            "datasets/entities/scores",
            ["ent_f"],
            ValueError,
            r"no score 'ent_f' \(did you mean 'ents_f'\?\)",
        ),
    ],
)
def test_refused_before_training(tmp_path, path, value, error, message):
    content = matrix_content(tmp_path)
    if path == "datasets/entities":
        content["datasets"]["entities"].update(value)
    else:
        changed(content, path, value)
    with pytest.raises(error, match=message):
        runs_of(parse(content))


def test_stock_config_trains_the_component_with_a_loss(tmp_path):
    """And is the same run as one that names it."""
    content = matrix_content(tmp_path)
    del content["datasets"]["tags"]
    ours = runs_of(parse(content))
    path = tmp_path / "stock.cfg"
    text = (ROOT / "configs" / "ner.cfg").read_text(encoding="utf8")
    assert 'factory = "dice_ner"' in text
    path.write_text(text.replace('factory = "dice_ner"', 'factory = "ner"'), encoding="utf8")
    content["datasets"]["entities"]["config"] = str(path)
    stock = runs_of(parse(content))
    assert [run.hash for run in stock] == [run.hash for run in ours]
    assert 'factory = "dice_ner"' in stock[0].config


def test_no_yaml(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text("a: [", encoding="utf8")
    with pytest.raises(ValueError, match="is not valid YAML"):
        read_matrix(path)
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        read_matrix(tmp_path / "other.yml")


def test_select(tmp_path):
    matrix = read_matrix(write_matrix(tmp_path))
    part = matrix.select(["tags"], ["DSC"], [1])
    assert (list(part.datasets), list(part.rows), part.seeds) == (["tags"], ["DSC"], (1,))
    assert matrix.select() == matrix
    with pytest.raises(ValueError, match=r"no data set 'tag' \(did you mean 'tags'\?\)"):
        matrix.select(["tag"])
    with pytest.raises(ValueError, match="no seed 7"):
        matrix.select(seeds=[7])


def test_definition_depends_on_all_that_is_trained(tmp_path):
    def definition(**changes):
        return runs_of(parse(matrix_content(tmp_path, **changes)))[0].definition

    same = definition()
    assert definition(seeds=[0, 1, 2]) == same
    assert definition(losses={"CE": {"@losses": "dice.CE.v1", "label_smoothing": 0.0}}) == same
    assert definition(steps=7) == {**same, "steps": 7}
    assert definition(losses={"CE": "dice.DL.v1"})["loss"] != same["loss"]
    json.dumps(same)


def test_definition_of_a_training_to_convergence(tmp_path):
    def definition(**length):
        content = matrix_content(tmp_path)
        del content["steps"]
        return runs_of(parse({**content, **length}))[0].definition

    found = definition(patience=6, max_steps=30)
    assert (found["patience"], found["max_steps"], found["checkpoint"]) == (6, 30, "best")
    assert "steps" not in found
    assert definition(patience=6)["max_steps"] == 20_000
    assert definition(patience=9, max_steps=30) == {**found, "patience": 9}
    # A fixed number of steps says what it always did.
    fixed = definition(steps=30)
    assert fixed["steps"] == 30
    assert set(fixed) == {"config", "steps", "loss", "train", "dev", "test", "seed"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 201, "a name has at most 200 characters, 'x.*…' has 201"),
        ("matrix.json", "'matrix.json' is that of a file"),
        ("Matrix.JSON", "is that of a file"),
    ],
)
@pytest.mark.parametrize("where", ["datasets", "losses"])
def test_names_that_make_no_folder(tmp_path, where, name, message):
    content = matrix_content(tmp_path)
    content[where][name] = next(iter(content[where].values()))
    with pytest.raises(ValueError, match=message):
        parse(content)


def test_what_differs_in_two_definitions():
    old = {"steps": 5, "loss": {"@losses": "dice.DSC.v1", "alpha": 1.0}}
    assert differences(old, old, {}) == []
    assert differences(old, {**old, "steps": 6}, {}) == ["steps (5, now 6)"]
    changed_default = {**old, "loss": {"@losses": "dice.DSC.v1", "alpha": 0.5}}
    assert differences(old, changed_default, {}) == ["loss.alpha (1.0, now 0.5)"]
    # A setting that did not exist then, and that is not used now.
    new_setting = {**old, "loss": {**old["loss"], "decay": 0.9}}
    assert differences(old, new_setting, {}) == []
    assert differences(old, new_setting, {"decay": 0.9}) == ["loss.decay (None, now 0.9)"]
