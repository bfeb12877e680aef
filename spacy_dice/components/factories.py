"""The factories: each is a stock one whose component gets a loss.

Of this package, only what is needed to register them is imported with this module.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from spacy.language import Language
from spacy.pipeline import Pipe, TrainablePipe
from spacy.pipeline.factories import register_factories
from spacy.pipeline.span_finder import DEFAULT_SPAN_FINDER_MODEL
from spacy.tokens import Doc
from spacy.util import get_minor_version_range, registry, split_requirement
from thinc.api import Model
from thinc.types import Floats2d

from .. import __version__
from .._validation import listed, refuse
from .defaults import DEFAULT_LOSSES, TRAINING

if TYPE_CHECKING:
    from .._types import JSON
    from ..losses import AnyLoss
    from .base import LossMixin
    from .query_ner import QueryNER
    from .table import Component

_PACKAGE = "spacy-dice"


def class_with_loss(component: TrainablePipe) -> "type[LossMixin] | None":
    """The class that `with_loss` turns a component into; None if its loss cannot be chosen."""
    from .base import LossMixin
    from .table import COMPONENTS

    if isinstance(component, LossMixin):
        return type(component)
    rows = (row for row in COMPONENTS.values() if row.stock_class is type(component))
    return next((row.cls for row in rows), None)


def with_loss(component: TrainablePipe, loss: "AnyLoss") -> TrainablePipe:
    """The stock `component` with `loss`, sharing model, vocabulary and settings.

    RETURNS: the component itself, of another class now; for `ner` and `parser` a new one.
    RAISES: ValueError if its loss cannot be chosen, or `loss` is not a loss.
    """
    cls = class_with_loss(component)
    if cls is None:
        from .table import COMPONENTS

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
    made: TrainablePipe = cls(
        component.vocab, component.model, component.name, component.moves, scorer=component.scorer
    )
    made.cfg.update(component.cfg)
    made._rehearsal_model = component._rehearsal_model
    made._multitasks = component._multitasks
    made.set_loss(loss)
    return made


def register(row: "Component") -> Callable[..., TrainablePipe]:
    """Add a row to the table, and its factory to spaCy: the arguments of the stock one, and `loss`.

    RETURNS: the factory, for an entry point.
    RAISES: ValueError if another row has that factory, or spaCy has no such stock factory.
    """
    from .table import COMPONENTS

    if COMPONENTS.get(row.factory, row) is not row:
        refuse(row.factory, "is in the table of components already")
    factory = _register(row.stock, row.loss)
    COMPONENTS[row.factory] = row
    return factory


def _register(stock_factory: str, loss: Mapping[str, "JSON"]) -> Callable[..., TrainablePipe]:
    """Register the factory with a loss beside a stock factory. loss: the block of the default."""
    meta = Language.get_factory_meta(stock_factory)
    stock = registry.factories.get(stock_factory)
    factory = f"dice_{stock_factory}"
    training = TRAINING.get(stock_factory, {})

    def make(nlp: Language, name: str, loss: "AnyLoss", **settings: Any) -> TrainablePipe:
        _note_requirement(nlp)
        ours = {key: settings.pop(key, default) for key, default in training.items()}
        component = with_loss(stock(nlp=nlp, name=name, **settings), loss)
        for key, value in ours.items():
            setattr(component, key, value)
        return component

    signature = inspect.signature(stock)
    types = {"loss": Callable, **{key: type(value) for key, value in training.items()}}
    ours = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        for key, annotation in types.items()
    ]
    make.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *ours]
    )
    make.__name__ = f"make_{factory}"
    make.__doc__ = f"Make a component with the settings of `{stock_factory}`, and {listed(types)}."
    Language.factory(
        factory,
        default_config={**meta.default_config, "loss": dict(loss), **training},
        assigns=meta.assigns,
        requires=meta.requires,
        retokenizes=meta.retokenizes,
        default_score_weights=meta.default_score_weights,
        func=make,
    )
    return make


def _note_requirement(nlp: Language) -> None:
    """Let the meta data of a pipeline name this package, as `spacy package` names it.

    Where the package is missing, spaCy's error names the factory, and no package.
    """
    requirements = nlp.meta.setdefault("requirements", [])
    if not any(split_requirement(text)[0] == _PACKAGE for text in requirements):
        requirements.append(f"{_PACKAGE}{get_minor_version_range(__version__)}")


# spaCy does this when the first pipeline is made, which may come after this module is imported.
register_factories()


@Language.factory(
    "query_spans",
    assigns=["doc.spans"],
    default_config={
        "model": DEFAULT_SPAN_FINDER_MODEL,
        "spans_key": "answer",
        "query_key": "query",
        "separator": "[SEP]",
        "decode": "best",
        "normalize": "token",
        "threshold": 0.5,
        "max_length": 25,
        "scorer": {"@scorers": "dice.query_spans_scorer.v1"},
    },
    default_score_weights={"answer_f": 1.0, "answer_em": 0.0, "no_answer_acc": None},
)
def make_query_spans(
    nlp: Language,
    name: str,
    model: Model[Iterable[Doc], Floats2d],
    spans_key: str,
    query_key: str | None,
    separator: str,
    decode: Literal["best", "all"],
    normalize: Literal["token", "document"],
    threshold: float,
    max_length: int | None,
    scorer: Callable[..., dict[str, Any]] | None,
) -> TrainablePipe:
    """Make a `QuerySpans` component, the stock twin of the one with a loss: spaCy has none."""
    from .queries import QuerySpans

    _note_requirement(nlp)
    return QuerySpans(
        nlp,
        model,
        name,
        spans_key=spans_key,
        query_key=query_key,
        separator=separator,
        decode=decode,
        normalize=normalize,
        threshold=threshold,
        max_length=max_length,
        scorer=scorer,
    )


@Language.factory(
    "query_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={"scorer": {"@scorers": "spacy.ner_scorer.v1"}},
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_query_ner(
    nlp: Language,
    name: str,
    queries: dict[str, str],
    scorer: Callable[..., dict[str, Any]] | None,
) -> "QueryNER":
    """Make a `QueryNER` component, which asks a trained reader for entities."""
    from .query_ner import QueryNER

    _note_requirement(nlp)
    return QueryNER(nlp, name, queries=queries, scorer=scorer)


FACTORIES: dict[str, Callable[..., Pipe]] = {
    "query_ner": make_query_ner,
    "query_spans": make_query_spans,
    **{f"dice_{stock}": _register(stock, loss) for stock, loss in DEFAULT_LOSSES.items()},
}
