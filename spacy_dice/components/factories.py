"""The factories: each is a stock one whose component gets a loss; a new one is a table row."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.pipeline.factories import register_factories
from spacy.util import registry

from .._validation import listed, refuse
from ..losses import AnyLoss
from .base import LossMixin
from .documents import DiceMultiLabelTextCategorizer, DiceTextCategorizer
from .spans import DiceSpanCategorizer, DiceSpanFinder
from .tokens import (
    DiceEditTreeLemmatizer,
    DiceMorphologizer,
    DiceSentenceRecognizer,
    DiceTagger,
)
from .transition import DiceDependencyParser, DiceEntityRecognizer


class Component(NamedTuple):
    """A row of the table: the stock factory and the class its component is turned into."""

    stock: str
    cls: type[LossMixin]


COMPONENTS: dict[str, Component] = {
    "dice_tagger": Component("tagger", DiceTagger),
    "dice_morphologizer": Component("morphologizer", DiceMorphologizer),
    "dice_senter": Component("senter", DiceSentenceRecognizer),
    "dice_trainable_lemmatizer": Component("trainable_lemmatizer", DiceEditTreeLemmatizer),
    "dice_textcat": Component("textcat", DiceTextCategorizer),
    "dice_textcat_multilabel": Component("textcat_multilabel", DiceMultiLabelTextCategorizer),
    "dice_spancat": Component("spancat", DiceSpanCategorizer),
    "dice_spancat_singlelabel": Component("spancat_singlelabel", DiceSpanCategorizer),
    "dice_span_finder": Component("span_finder", DiceSpanFinder),
    "dice_ner": Component("ner", DiceEntityRecognizer),
    "dice_parser": Component("parser", DiceDependencyParser),
}

# The stock class comes last among the bases.
_CLASSES: dict[type, type[LossMixin]] = {
    row.cls.__bases__[-1]: row.cls for row in COMPONENTS.values()
}


def class_with_loss(component: Any) -> type[LossMixin] | None:
    """The class that `with_loss` turns a component into; None if its loss cannot be chosen."""
    return type(component) if isinstance(component, LossMixin) else _CLASSES.get(type(component))


def with_loss(component: Any, loss: AnyLoss) -> Any:
    """The stock `component` with `loss`, sharing model, vocabulary and settings.

    RETURNS: the component itself, of another class now; for `ner` and `parser` a new one.
    RAISES: ValueError if its loss cannot be chosen, or `loss` is not a loss.
    """
    cls = class_with_loss(component)
    if cls is None:
        refuse(
            f"[components.{getattr(component, 'name', type(component).__name__)}]",
            f"the loss of a {type(component).__name__} cannot be chosen, only that of "
            + listed(row.stock for row in COMPONENTS.values()),
        )
    cls.check_loss(component, loss)
    if hasattr(component, "__dict__"):
        component.__class__ = cls
        component.set_loss(loss)
        return component
    # A cdef class cannot be turned into another one, but made again from its parts.
    made: Any = cls(
        component.vocab, component.model, component.name, component.moves, scorer=component.scorer
    )
    made.cfg.update(component.cfg)
    made._rehearsal_model = component._rehearsal_model
    made._multitasks = component._multitasks
    made.set_loss(loss)
    return made


def _register(name: str) -> Callable[..., Any]:
    """Register the factory `name` with spaCy: the arguments of the stock one, and `loss`."""
    stock_name, cls = COMPONENTS[name]
    meta = Language.get_factory_meta(stock_name)
    stock = registry.factories.get(stock_name)

    def make(nlp: Language, name: str, loss: AnyLoss, **settings: Any) -> Any:
        return with_loss(stock(nlp=nlp, name=name, **settings), loss)

    signature = inspect.signature(stock)
    parameter = inspect.Parameter("loss", inspect.Parameter.KEYWORD_ONLY, annotation=Callable)
    make.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), parameter]
    )
    make.__name__ = f"make_{name}"
    make.__doc__ = f"Make a `{cls.__name__}`: the settings of `{stock_name}`, and `loss`."
    Language.factory(
        name,
        default_config={**meta.default_config, "loss": {"@losses": "dice.DSC.v1"}},
        assigns=meta.assigns,
        requires=meta.requires,
        retokenizes=meta.retokenizes,
        default_score_weights=meta.default_score_weights,
        func=make,
    )
    return make


# spaCy does this when the first pipeline is made, which may come after this module is imported.
register_factories()

make_dice_tagger = _register("dice_tagger")
make_dice_morphologizer = _register("dice_morphologizer")
make_dice_senter = _register("dice_senter")
make_dice_trainable_lemmatizer = _register("dice_trainable_lemmatizer")
make_dice_textcat = _register("dice_textcat")
make_dice_textcat_multilabel = _register("dice_textcat_multilabel")
make_dice_spancat = _register("dice_spancat")
make_dice_spancat_singlelabel = _register("dice_spancat_singlelabel")
make_dice_span_finder = _register("dice_span_finder")
make_dice_ner = _register("dice_ner")
make_dice_parser = _register("dice_parser")
