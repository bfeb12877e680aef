"""The factories: each is a stock one whose component gets a loss; a new one is a table row."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.util import registry

from ..losses import AnyLoss
from .base import LossMixin
from .probed import DiceTagger
from .transition import DiceEntityRecognizer


class Component(NamedTuple):
    """A row of the table: the stock factory and the class its component is turned into."""

    stock: str
    cls: type[LossMixin]


COMPONENTS: dict[str, Component] = {
    "dice_tagger": Component("tagger", DiceTagger),
    "dice_ner": Component("ner", DiceEntityRecognizer),
}


def with_loss(component: Any, cls: type[LossMixin], loss: AnyLoss) -> Any:
    """The stock `component` as a `cls` with `loss`, sharing model and vocabulary."""
    if hasattr(component, "__dict__"):
        component.__class__ = cls
        component.set_loss(loss)
        return component
    # A cdef class cannot be turned into another one, but made again from its parts.
    made: Any = cls(
        component.vocab, component.model, component.name, component.moves, scorer=component.scorer
    )
    made.cfg.update(component.cfg)
    made.set_loss(loss)
    return made


def _register(name: str) -> Callable[..., Any]:
    """Register the factory `name` with spaCy: the arguments of the stock one, and `loss`."""
    stock_name, cls = COMPONENTS[name]
    meta = Language.get_factory_meta(stock_name)
    stock = registry.factories.get(stock_name)

    def make(nlp: Language, name: str, loss: AnyLoss, **settings: Any) -> Any:
        return with_loss(stock(nlp=nlp, name=name, **settings), cls, loss)

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


make_dice_tagger = _register("dice_tagger")
make_dice_ner = _register("dice_ner")
