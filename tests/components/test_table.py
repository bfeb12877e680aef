"""The table of components, beside what spaCy and the components say themselves."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import spacy
import srsly
from packaging.requirements import Requirement
from pipelines import CASES, FACTORIES, complete, pipeline, train
from spacy.cli.package import get_third_party_dependencies
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

import spacy_dice
from spacy_dice import components
from spacy_dice.components import COMPONENTS, register, row_of, row_of_factory
from spacy_dice.experiments.wording import name_of_score
from spacy_dice.items import count_documents, count_gold
from spacy_dice.losses import DSC

ROOT = Path(__file__).parents[2]

factories = pytest.mark.parametrize("factory", FACTORIES)
KNOWN_SCORES = {
    "tag_acc": "tag accuracy",
    "tag_macro_f": "tag macro F1",
    "ents_macro_f": "entity macro F1",
    "spans_sc_f": "span F1",
    "spans_my_group_r": "span recall",
    "spans_sc_macro_f": "span macro F1",
    "cats_micro_f": "micro F1",
    "token_acc": "token_acc",
}


def test_entry_points_are_those_of_the_table():
    points = {
        point.name: point.value
        for point in entry_points(group="spacy_factories")
        if point.dist is not None and point.dist.name == "spacy-dice"
    }
    # The stock twin of what spaCy has not, and what asks it.
    names = [*COMPONENTS, "query_spans", "query_ner"]
    assert points == {name: f"spacy_dice.components:make_{name}" for name in names}


@factories
def test_factory_of_a_row(factory):
    row = COMPONENTS[f"dice_{factory}"]
    assert row is row_of_factory(row.factory) is row_of_factory(factory)
    make = getattr(components, f"make_{row.factory}")
    spacy.blank("en").add_pipe(row.factory)
    assert registry.factories.get(row.factory) is make
    config = Language.get_factory_meta(row.factory).default_config
    assert config["loss"] == row.loss
    assert registry.resolve({"loss": dict(row.loss)})["loss"] == DSC()
    # What is recommended can be had.
    registry.resolve({"loss": dict(row.recipe.loss)})
    if row.recipe.for_macro:
        registry.losses.get(row.recipe.for_macro)


@pytest.mark.parametrize("page", ["README.md", "docs/which-loss.md"])
def test_documentation_recommends_what_the_table_does(page):
    """In its table of what to begin with, each component with what its recipe says."""
    lines = (ROOT / page).read_text(encoding="utf8").splitlines()
    start = next(i for i, line in enumerate(lines) if "begin with |" in line)
    end = next(i for i in range(start, len(lines)) if not lines[i])
    head, _, *body = [[c.strip() for c in line.strip("|").split("|")] for line in lines[start:end]]
    begin = head.index("begin with")
    said = set()
    for cells in body:
        for stock in re.findall("`(.*?)`", cells[0]):
            recipe = COMPONENTS[f"dice_{stock}"].recipe
            own = recipe.loss == {"@losses": COMPONENTS[f"dice_{stock}"].stock_loss}
            name = "(spaCy's own loss|the same)" if own else f"`{recipe.loss['@losses']}`"
            assert re.match(name, cells[begin]), (stock, cells)
            if recipe.for_macro:
                assert f"`{recipe.for_macro}` if macro F1 counts" in cells[begin]
            if "`calibrate`" in head:
                tuned = not cells[head.index("`calibrate`")].startswith("no")
            else:
                tuned = "`calibrate" in cells[begin]
            assert tuned is (recipe.calibrate is not None), (stock, cells)
            said.add(stock)
    assert all(
        row.recipe == components.Recipe() for row in COMPONENTS.values() if row.stock not in said
    )


@factories
def test_meta_data_name_the_package(factory, tmp_path):
    """What spaCy says where the package is missing names the factory only."""
    nlp = pipeline(factory, stock=False)
    nlp.add_pipe(f"dice_{factory}", name="another")
    nlp.to_disk(tmp_path)
    written = srsly.read_json(tmp_path / "meta.json")["requirements"]
    assert written == get_third_party_dependencies(nlp.config)
    assert [Requirement(text).name for text in written] == ["spacy-dice"]
    assert Requirement(written[0]).specifier.contains(spacy_dice.__version__)
    is_ours = "requirements" in pipeline(factory, stock=True).meta
    assert is_ours == (factory == "query_spans")


def test_no_other_name_is_a_factory():
    with pytest.raises(AttributeError, match="no attribute 'make_dice_nothing'"):
        components.make_dice_nothing  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'dice_ner'"):
        components.dice_ner  # noqa: B018


@factories
@pytest.mark.parametrize("stock", [True, False])
def test_row_of_a_component(factory, stock):
    nlp = pipeline(factory, stock=stock)
    component = nlp.get_pipe(factory)
    row = row_of(component)
    assert row is COMPONENTS[f"dice_{factory}"]
    assert isinstance(component, row.stock_class)
    gold = complete(nlp.vocab)
    nlp.initialize(lambda: gold)
    assert row.is_annotated(component, gold[0].reference)
    bare = Doc(nlp.vocab, words=["no", "annotation"])
    assert not row.is_annotated(component, bare)
    columns = row.columns_of(component)
    if row.output == "transitions":
        assert len(columns) == component.moves.n_moves
    else:
        assert len(columns) == component.model.get_dim("nO")
    assert all(isinstance(label, str) for label in columns)


def test_what_is_no_component_of_the_table():
    assert row_of_factory("sentencizer") is None
    assert row_of(spacy.blank("en").add_pipe("sentencizer")) is None


def test_classes_made_from_those_of_the_table():
    class Mine(type(spacy.blank("en").add_pipe("morphologizer"))):
        pass

    nlp = spacy.blank("en")
    assert row_of(Mine(nlp.vocab, None)).stock == "morphologizer"


def f_of(counts):
    tp, fp, fn = counts
    return 2 * tp / (2 * tp + fp + fn)


# Scores of spaCy that are the F1 of all items together; a right token is one of each kind of item.
MICRO = {
    "ner": "ents_f",
    "tagger": "tag_acc",
    "trainable_lemmatizer": "lemma_acc",
    "textcat": "cats_micro_f",
    "textcat_multilabel": "cats_micro_f",
    "spancat": "spans_sc_f",
    "spancat_singlelabel": "spans_sc_f",
    "span_finder": "spans_sc_f",
    "query_spans": "answer_span_f",
}


@pytest.mark.parametrize("factory", MICRO)
def test_items_are_what_spacy_scores(factory):
    """Documents without annotation, where what is found counts for nothing, among them."""
    nlp = pipeline(factory, stock=True)
    train(nlp, updates=20, drop=0.0, data=complete)
    gold = [example.reference for example in complete(nlp.vocab)]
    gold.append(Doc(nlp.vocab, words=["She", "likes", "green", "eggs", "."]))
    found = nlp.pipe([Doc(nlp.vocab, words=[t.text for t in doc]) for doc in gold])
    examples = [Example(doc, reference) for doc, reference in zip(found, gold, strict=True)]
    component = nlp.get_pipe(factory)
    prefix, items = components.items_of(component)
    key = MICRO[factory]
    assert key.startswith(prefix)
    counts = count_documents(examples, items)
    assert counts.array.shape[0] == len(gold)
    assert not counts.array[-1].any()
    # A category that is found where nobody knows the right one is wrong for spaCy.
    scores = Scorer(nlp).score(examples[:-1] if factory == "textcat" else examples)
    assert f_of(counts.array.sum(axis=(0, 1))) == pytest.approx(scores[key])
    supports = count_gold(gold, items)
    assert supports == dict(
        zip(counts.types, (counts.array[..., [0, 2]].sum(axis=(0, 2))).tolist(), strict=True)
    )
    # What readers are told exists; macro F1 of other than categories comes from our scorers.
    row = row_of(component)
    for score in row.scores:
        assert score.format(key="sc") in scores or score.endswith(("_macro_f", "_weighted_f"))


@pytest.mark.parametrize("factory", MICRO)
def test_averages_of_the_table_are_those_of_scorers(factory):
    """Counted without them, and added to what a scorer says where it is silent."""
    nlp = pipeline(factory, stock=True)
    train(nlp, updates=3, drop=0.0, data=complete)
    gold = [example.reference for example in complete(nlp.vocab)]
    found = nlp.pipe([Doc(nlp.vocab, words=[t.text for t in doc]) for doc in gold])
    examples = [Example(doc, reference) for doc, reference in zip(found, gold, strict=True)]
    component = nlp.get_pipe(factory)
    stock = component.score(examples)
    try:
        ours = registry.scorers.get(f"dice.{factory.removesuffix('_singlelabel')}_scorer.v1")()
    except ValueError:  # span_finder and lemmatizer have no scorer of ours
        expected = stock
    else:
        component.scorer = ours
        expected = component.score(examples)
    averages = row_of(component).averages_of(component, examples)
    assert MICRO[factory] in averages
    # spaCy's macro F1 of categories is over all labels, there or not.
    for key in set(averages) - {"cats_macro_f"}:
        assert averages[key] == pytest.approx(expected[key]), key
    assert components.with_averages(stock, component, examples) == {**averages, **stock}


def test_no_averages_without_annotation():
    nlp = pipeline("tagger", stock=True)
    nlp.initialize(lambda: complete(nlp.vocab))
    doc = Doc(nlp.vocab, words=["no", "annotation"])
    assert components.with_averages({}, nlp.get_pipe("tagger"), [Example(doc, doc.copy())]) == {}
    assert components.with_averages({"a": 1}, nlp.add_pipe("sentencizer"), []) == {"a": 1}


def test_what_is_found_is_told_from_what_is_not():
    """The identity of the test before, where both are wrong at times."""
    nlp = pipeline("span_finder", stock=True)
    key = CASES["span_finder"].config["spans_key"]
    gold, found = (Doc(nlp.vocab, words=["a", "b", "c"]) for _ in range(2))
    gold.spans[key] = [gold.char_span(0, 3, label="X"), gold.char_span(2, 5, label="Y")]
    found.spans[key] = [found.char_span(0, 3), found.char_span(4, 5)]
    _, items = components.items_of(nlp.get_pipe("span_finder"))
    counts = count_documents([Example(found, gold)], items)
    assert counts.types == ["span"]
    assert counts.array.tolist() == [[[1, 1, 1]]]
    scores = Scorer(nlp).score([Example(found, gold)])
    assert scores["spans_sc_f"] == 0.5


@pytest.mark.parametrize("key", KNOWN_SCORES)
def test_name_of_score(key):
    assert name_of_score(key) == KNOWN_SCORES[key]


def test_a_row_is_there_once():
    row = COMPONENTS["dice_ner"]
    assert register(row) is not None
    with pytest.raises(ValueError, match="dice_ner: is in the table of components already"):
        register(type(row)(**{**vars(row), "recipe": components.Recipe()}))
    assert COMPONENTS["dice_ner"] is row
