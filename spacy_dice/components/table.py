"""The table of components: a row has all that is known about one, and everything else asks it.

A new component is a class, a row and an entry point; see docs/contributing.md.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from numpy.typing import ArrayLike
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example

from .._types import JSON, Floats
from ..counts import macro_f, micro_f
from ..items import (
    Items,
    answer_items,
    category_items,
    count_documents,
    dependency,
    entity_items,
    lemma,
    pos_and_features,
    sentence_start,
    span_items,
    tag,
    token_items,
)
from ..losses import main_names
from .base import LossMixin
from .defaults import DEFAULT_LOSSES
from .documents import DiceMultiLabelTextCategorizer, DiceTextCategorizer
from .queries import DiceQuerySpans
from .spans import DiceSpanCategorizer, DiceSpanFinder
from .tallies import (
    Analyses,
    Categories,
    Dependencies,
    Edges,
    EditTrees,
    Entities,
    ExclusiveCategories,
    QueryEdges,
    Sentences,
    Spans,
    Tags,
    Tally,
)
from .tokens import (
    DiceEditTreeLemmatizer,
    DiceMorphologizer,
    DiceSentenceRecognizer,
    DiceTagger,
)
from .transition import DiceDependencyParser, DiceEntityRecognizer

# What the output layer gives: probabilities of labels that exclude each other, a probability for
# each label by itself, or scores of moves, of which the loss takes the softmax.
Output = Literal["softmax", "logistic", "transitions"]


class Score(NamedTuple):
    """A score of a component.

    name: what readers call it.
    average: which F1 of the items it is, if it is one: over all together, or the mean of labels.
        Reports tell how sure such scores are, document by document.
    """

    name: str
    average: Literal["micro", "macro"] | None = None

    @property
    def of_counts(self) -> Callable[[ArrayLike], Floats] | None:
        """How it is computed from counts `(…, labels, 3)` of tp, fp, fn; None if it cannot be."""
        return None if self.average is None else {"micro": micro_f, "macro": macro_f}[self.average]


class Recipe(NamedTuple):
    """What to begin with where labels are imbalanced, as far as it was measured.

    `diagnose` and `init-config` recommend it; a test holds README.md and docs/which-loss.md to it.

    loss: its block. Cross entropy, which is spaCy's own loss or better, unless another is ahead.
    why: in a few words.
    for_macro: the registered name of another loss, for those who are judged by macro F1.
    config: other settings of the config, by their dotted names.
    calibrate: options of `spacy dice calibrate`; None where decisions are not to be tuned.
    """

    loss: Mapping[str, JSON] = MappingProxyType({"@losses": "dice.CE.v1"})
    why: str = "no other was measured to be better"
    for_macro: str | None = None
    config: Mapping[str, JSON] = MappingProxyType({})
    calibrate: tuple[str, ...] | None = None


def default_loss() -> Mapping[str, JSON]:
    """The loss of a component that is given no other."""
    return {"@losses": "dice.DSC.v1"}


def any_component(component: TrainablePipe) -> bool:
    """Whether a row is that of `component`, which is of its class: always."""
    return True


@dataclass(frozen=True, kw_only=True)
class Component:
    """A row of the table.

    stock: the stock factory.
    cls: the class that its component is turned into; the last of the bases is the stock class.
    is_of: whether the row is that of a component of its class; of rows that share a class, the
        first that says so counts.
    output: of the stock model.
    loss: the block of the default loss.
    recipe: what to begin with where labels are imbalanced.
    tally: what counts the gold labels in a corpus.
    items: of a component, the gold and predicted labels with their places that are compared.
    prefix: of the scores of these items; `{key}` stands for the key of a span group.
    scores: by key, the main score first; `{key}` as in `prefix`.
    """

    stock: str
    cls: type[LossMixin]
    output: Output
    tally: type[Tally]
    items: Callable[[TrainablePipe], Items]
    prefix: str
    scores: Mapping[str, Score]
    loss: Mapping[str, JSON] = field(default_factory=default_loss)
    recipe: Recipe = field(default_factory=Recipe)
    is_of: Callable[[TrainablePipe], bool] = any_component

    @property
    def factory(self) -> str:
        """The factory whose component has a loss."""
        return f"dice_{self.stock}"

    @property
    def stock_class(self) -> type:
        """The class of the stock component."""
        return self.cls.__bases__[-1]

    @property
    def stock_loss(self) -> str:
        """The registered loss that is spaCy's own for the stock model."""
        return "dice.SE.v1" if self.output == "logistic" else "dice.CE.v1"

    def name_of_loss(self, block: Mapping[str, JSON]) -> str:
        """What readers call the loss of a block."""
        return (
            "spaCy's own loss" if block == {"@losses": self.stock_loss} else str(block["@losses"])
        )

    def prefix_of(self, component: TrainablePipe) -> str:
        """The prefix of the scores of `component`, ours or stock."""
        return self.prefix.format(key=key_of(component))

    def columns_of(self, component: TrainablePipe) -> list[str]:
        """The label of each column of the output layer of `component`, ours or stock."""
        return main_names(self.cls.name_columns(component))

    def is_annotated(self, component: TrainablePipe, doc: Doc) -> bool:
        """Whether a gold document says what is right for `component`, ours or stock."""
        return self.cls.has_annotation(component, doc)

    def score_of(self, key: str) -> Score | None:
        """The score with that key; None if it is not one of this component."""
        found = [
            known
            for known in self.scores
            if re.fullmatch(re.escape(known).replace(r"\{key\}", ".+"), key)
        ]
        # The key of a span group is what is left: the longest pattern leaves least.
        return self.scores[max(found, key=len)] if found else None

    def averages(self, key: str = "") -> dict[str, Score]:
        """The scores that are averages of F1, by their keys. key: that of the span group."""
        return {name.format(key=key): s for name, s in self.scores.items() if s.of_counts}

    def averages_of(
        self, component: TrainablePipe, examples: Sequence[Example]
    ) -> dict[str, float]:
        """These scores of annotated `examples`, from counts, whatever scorer `component` has.

        RETURNS: a dict, empty if there are neither gold nor predicted labels.
        """
        counts = count_documents(examples, self.items(component)).array.sum(axis=0)
        scores = self.averages(key_of(component)).items() if counts.any() else ()
        return {key: float(s.of_counts(counts)) for key, s in scores if s.of_counts}


def key_of(component: TrainablePipe) -> str:
    """The key of the span group of a component; empty if it has none."""
    return str(getattr(component, "cfg", {}).get("spans_key", ""))


def fixed(items: Items) -> Callable[[TrainablePipe], Items]:
    """The same items for each component of a row."""
    return lambda component: items


def spans_of(component: TrainablePipe) -> Items:
    """The labeled spans of the component's span group."""
    return span_items(key_of(component))


def places_of(component: TrainablePipe) -> Items:
    """The spans of the component's span group, whatever their labels."""
    return span_items(key_of(component), labeled=False)


def answers_of(component: TrainablePipe) -> Items:
    """The answers in the component's span group, and that there is none."""
    return answer_items(key_of(component))


def categories_over_threshold(component: TrainablePipe) -> Items:
    """The categories that are probable enough for the component."""
    return category_items(float(component.cfg.get("threshold") or 0.5))


_PLACES = {
    "spans_{key}_f": Score("span F1", "micro"),
    "spans_{key}_p": Score("span precision"),
    "spans_{key}_r": Score("span recall"),
}
_SPANS = {
    **_PLACES,
    "spans_{key}_macro_f": Score("span macro F1", "macro"),
    "spans_{key}_weighted_f": Score("span weighted F1"),
}
# Measured in metrics/multilabel and metrics/spans.
_OF_SQUARED_ERROR = Recipe(
    why="learns rare labels far sooner than the squared error, and gains nearly all there is",
    calibrate=(),
)
# Measured in metrics/tagging.
_OF_TAGS = Recipe(
    why="on three corpora no other was better beyond noise",
    for_macro="dice.MacroF1.v1",
)
_CATEGORIES = {
    "cats_macro_f": Score("macro F1", "macro"),
    "cats_micro_f": Score("micro F1", "micro"),
}

COMPONENTS: dict[str, Component] = {
    row.factory: replace(row, loss=DEFAULT_LOSSES[row.stock])
    for row in (
        Component(
            stock="ner",
            cls=DiceEntityRecognizer,
            output="transitions",
            # Measured in metrics/recipe.
            recipe=Recipe(
                why="on five of six corpora no other was better beyond noise",
                calibrate=("--types",),
            ),
            tally=Entities,
            items=fixed(entity_items),
            prefix="ents",
            scores={
                "ents_f": Score("entity F1", "micro"),
                "ents_macro_f": Score("entity macro F1", "macro"),
            },
        ),
        Component(
            stock="tagger",
            cls=DiceTagger,
            output="softmax",
            recipe=_OF_TAGS,
            tally=Tags,
            items=fixed(token_items(tag)),
            prefix="tag",
            scores={
                "tag_acc": Score("tag accuracy", "micro"),
                "tag_macro_f": Score("tag macro F1", "macro"),
            },
        ),
        Component(
            stock="morphologizer",
            cls=DiceMorphologizer,
            output="softmax",
            # Measured in metrics/components.
            recipe=_OF_TAGS._replace(why="on English-ParTUT another made no difference"),
            tally=Analyses,
            items=fixed(token_items(pos_and_features)),
            prefix="pos_morph",
            scores={
                "pos_acc": Score("POS accuracy"),
                "morph_acc": Score("morphology accuracy"),
            },
        ),
        Component(
            stock="senter",
            cls=DiceSentenceRecognizer,
            output="softmax",
            tally=Sentences,
            items=fixed(token_items(sentence_start)),
            prefix="sents",
            scores={"sents_f": Score("sentence F1")},
        ),
        Component(
            stock="trainable_lemmatizer",
            cls=DiceEditTreeLemmatizer,
            output="softmax",
            tally=EditTrees,
            items=fixed(token_items(lemma)),
            prefix="lemma",
            scores={"lemma_acc": Score("lemma accuracy", "micro")},
        ),
        Component(
            stock="parser",
            cls=DiceDependencyParser,
            output="transitions",
            tally=Dependencies,
            items=fixed(token_items(dependency)),
            prefix="dep",
            scores={"dep_las": Score("LAS"), "dep_uas": Score("UAS")},
        ),
        Component(
            stock="textcat",
            cls=DiceTextCategorizer,
            output="softmax",
            # Measured in metrics/components.
            recipe=Recipe(why="on SMS spam another made no difference"),
            tally=ExclusiveCategories,
            items=fixed(category_items(None)),
            prefix="cats",
            scores=_CATEGORIES,
        ),
        Component(
            stock="textcat_multilabel",
            cls=DiceMultiLabelTextCategorizer,
            output="logistic",
            recipe=_OF_SQUARED_ERROR,
            tally=Categories,
            items=categories_over_threshold,
            prefix="cats",
            scores=_CATEGORIES,
        ),
        Component(
            stock="spancat_singlelabel",
            cls=DiceSpanCategorizer,
            is_of=attrgetter("add_negative_label"),
            output="softmax",
            tally=Spans,
            items=spans_of,
            prefix="spans_{key}",
            scores=_SPANS,
        ),
        Component(
            stock="spancat",
            cls=DiceSpanCategorizer,
            output="logistic",
            recipe=_OF_SQUARED_ERROR,
            tally=Spans,
            items=spans_of,
            prefix="spans_{key}",
            scores=_SPANS,
        ),
        Component(
            stock="span_finder",
            cls=DiceSpanFinder,
            output="logistic",
            recipe=_OF_SQUARED_ERROR,
            tally=Edges,
            items=places_of,
            prefix="spans_{key}",
            scores=_PLACES,
        ),
        Component(
            stock="query_spans",
            cls=DiceQuerySpans,
            output="logistic",
            tally=QueryEdges,
            items=answers_of,
            prefix="answer_span",
            scores={
                "answer_f": Score("answer F1"),
                "answer_em": Score("exact match"),
                "has_answer_f": Score("answer F1 where there is one"),
                "has_answer_em": Score("exact match where there is one"),
                "no_answer_acc": Score("accuracy where there is none"),
                "answer_span_f": Score("F1 of answers by place", "micro"),
            },
        ),
    )
}


def row_of_factory(factory: str) -> Component | None:
    """The row of a factory, ours or stock; None if there is none."""
    return next((r for r in COMPONENTS.values() if factory in (r.factory, r.stock)), None)


def row_of(component: TrainablePipe) -> Component | None:
    """The row of a component, be its class ours, stock or derived; None if there is none."""
    for cls in type(component).__mro__:
        for row in COMPONENTS.values():
            if cls in (row.cls, row.stock_class) and row.is_of(component):
                return row
    return None


def items_of(component: TrainablePipe) -> tuple[str, Items] | None:
    """The prefix of a component's scores and what is compared for them; None without a row."""
    row = row_of(component)
    return None if row is None else (row.prefix_of(component), row.items(component))


def with_averages(
    scores: Mapping[str, Any], component: TrainablePipe, examples: Sequence[Example]
) -> dict[str, Any]:
    """What a scorer says of annotated `examples`, and the averages of the table that it does not.

    spaCy's scorers of tags and entities, for example, do not tell the macro F1.
    """
    row = row_of(component)
    return {**(row.averages_of(component, examples) if row else {}), **scores}


def score_of(key: str) -> Score | None:
    """The score of any component with that key; None if the table has none."""
    scores = (row.score_of(key) for row in COMPONENTS.values())
    return next(filter(None, scores), None)
