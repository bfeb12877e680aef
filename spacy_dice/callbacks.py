"""Losses for stock components, while they are trained: the saved pipeline stays a stock one."""

import warnings
from collections.abc import Collection, Mapping
from typing import Any

from spacy.language import Language
from thinc.api import Model

from ._validation import listed, nearest, refuse
from .components import class_with_loss, with_loss
from .losses import AnyLoss

_OWNER = "dice.use_losses.v1"


def use_losses(nlp: Language, losses: Mapping[str, AnyLoss]) -> Language:
    """Train components of `nlp` with other losses than their own.

    Nothing but the objective changes: the config keeps the stock factories, so that a pipeline that
    is saved afterwards loads where this package is not installed. `spacy train` calls this through
    `[initialize.before_init]`. Call it yourself where a pipeline is trained on without
    `nlp.initialize`, before or after `nlp.resume_training`.

    nlp: the pipeline. Its components keep their models; `nlp.get_pipe` returns another object than
        before for `ner` and `parser`.
    losses: a loss for each component, by its name in the pipeline. Frozen components are left as
        they are, with a warning.
    RETURNS: the same pipeline.
    RAISES: ValueError, with the pipeline unchanged, for a name that is not in the pipeline, for a
        component whose loss cannot be chosen, and for a loss that names labels which a trained
        component does not have.

    >>> import spacy
    >>> from spacy_dice.losses import DSC
    >>> nlp = spacy.blank("en")
    >>> _ = nlp.add_pipe("ner")
    >>> nlp = use_losses(nlp, {"ner": DSC()})
    >>> nlp.config["components"]["ner"]["factory"]
    'ner'
    """
    return _use_losses(nlp, losses, will_initialize=())


class UseLosses:
    """A callback that calls `use_losses`."""

    def __init__(self, losses: Mapping[str, AnyLoss]) -> None:
        self.losses = dict(losses)

    def __call__(self, nlp: Language) -> Language:
        """Call `use_losses`; what is not initialized now are components that were sourced."""
        return _use_losses(nlp, self.losses, will_initialize=nlp.pipe_names)


def create_use_losses(losses: dict[str, Any]) -> UseLosses:
    """`dice.use_losses.v1`: a callback for `[initialize.before_init]`.

    losses: a block with a loss for each component, by its name in the pipeline.
    RETURNS: see `use_losses`.
    """
    return UseLosses(losses)


def _use_losses(
    nlp: Language, losses: Mapping[str, AnyLoss], *, will_initialize: Collection[str]
) -> Language:
    if not losses:
        refuse(_OWNER, "losses must name at least one component, got none")
    for name, loss in losses.items():
        _check(nlp, name, loss)
    frozen = set(nlp.config.get("training", {}).get("frozen_components") or ()) & set(losses)
    for name in frozen:
        warnings.warn(
            f"{_OWNER}: {name!r} is in [training.frozen_components], so that it is not trained, "
            "and its loss not used",
            stacklevel=3,
        )
    before = {name: nlp.get_pipe(name) for name in losses if name not in frozen}
    states = {
        name: (type(pipe), dict(getattr(pipe, "__dict__", {}))) for name, pipe in before.items()
    }
    after = {name: with_loss(pipe, losses[name]) for name, pipe in before.items()}
    try:
        for name, pipe in after.items():
            if name not in will_initialize and _is_initialized(pipe.model):
                pipe.prepare_loss()
    except ValueError:
        for name, pipe in before.items():
            if after[name] is pipe:
                pipe.__class__, pipe.__dict__ = states[name]
        raise
    for name, pipe in after.items():
        # spaCy has no public way to put a component in the place of another one but by a factory,
        # which would be the trace in the config that is not wanted.
        nlp._components[nlp.component_names.index(name)] = (name, pipe)
    return nlp


def _is_initialized(model: Model) -> bool:
    return all(node.has_param(name) for node in model.walk() for name in node.param_names)


def _check(nlp: Language, name: str, loss: AnyLoss) -> None:
    if name not in nlp.component_names:
        refuse(
            _OWNER,
            f"there is no component {name!r} in the pipeline, which has "
            f"{listed(nlp.component_names) or 'none at all'}{nearest(name, nlp.component_names)}",
        )
    component = nlp.get_pipe(name)
    cls = class_with_loss(component)
    if cls is None:
        possible = [n for n, other in nlp.components if class_with_loss(other)]
        refuse(
            _OWNER,
            f"the loss of {name!r}, a {type(component).__name__}, cannot be chosen; of this "
            f"pipeline, the components whose loss can be are {listed(possible) or 'none'}",
        )
    cls.check_loss(component, loss)
