"""The factories: each is a stock one whose component gets a loss."""

import inspect
from collections.abc import Callable
from typing import Any

from spacy.language import Language
from spacy.pipeline.factories import register_factories
from spacy.util import registry

from .._validation import listed, refuse
from ..losses import AnyLoss
from .base import LossMixin
from .table import COMPONENTS, Component


def class_with_loss(component: Any) -> type[LossMixin] | None:
    """The class that `with_loss` turns a component into; None if its loss cannot be chosen."""
    if isinstance(component, LossMixin):
        return type(component)
    rows = (row for row in COMPONENTS.values() if row.stock_class is type(component))
    return next((row.cls for row in rows), None)


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


def register(row: Component) -> Callable[..., Any]:
    """Add a row to the table, and its factory to spaCy: the arguments of the stock one, and `loss`.

    RETURNS: the factory, for an entry point.
    RAISES: ValueError if another row has that factory, or spaCy has no such stock factory.
    """
    meta = Language.get_factory_meta(row.stock)
    stock = registry.factories.get(row.stock)
    if COMPONENTS.setdefault(row.factory, row) is not row:
        refuse(row.factory, "is in the table of components already")

    def make(nlp: Language, name: str, loss: AnyLoss, **settings: Any) -> Any:
        return with_loss(stock(nlp=nlp, name=name, **settings), loss)

    signature = inspect.signature(stock)
    parameter = inspect.Parameter("loss", inspect.Parameter.KEYWORD_ONLY, annotation=Callable)
    make.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), parameter]
    )
    make.__name__ = f"make_{row.factory}"
    make.__doc__ = f"Make a `{row.cls.__name__}`: the settings of `{row.stock}`, and `loss`."
    Language.factory(
        row.factory,
        default_config={**meta.default_config, "loss": dict(row.loss)},
        assigns=meta.assigns,
        requires=meta.requires,
        retokenizes=meta.retokenizes,
        default_score_weights=meta.default_score_weights,
        func=make,
    )
    return make


# spaCy does this when the first pipeline is made, which may come after this module is imported.
register_factories()

FACTORIES: dict[str, Callable[..., Any]] = {name: register(row) for name, row in COMPONENTS.items()}
