"""A component that predicts by the mean of the probabilities of several trained ones."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy
from spacy.tokens import Doc
from thinc.api import Model

from .base import LossMixin
from .probed import ProbedLoss, Scores
from .transition import TransitionLoss


def predict_together(component: LossMixin, folders: Sequence[str]) -> None:
    """Let a component predict by the mean of what the same one of trained pipelines does.

    A parser and an entity recognizer take the best move by the mean, in the states that they get
    into together. What is changed is this object; it cannot be saved or trained any more.

    folders: of the pipelines, that of `component` among them if it has a part in it.
    RAISES: ValueError for pipelines that cannot be teachers of `component`, see `Teacher`.
    """
    for folder in folders:
        component.teacher(folder)
    if isinstance(component, TransitionLoss):
        # Found before the method of the class, also by spaCy's compiled code.
        component.predict = partial(_parse, component, folders)  # type: ignore[attr-defined]
    elif isinstance(component, ProbedLoss):
        component.model = _mean_of(component, folders)


def _mean_of(component: ProbedLoss, folders: Sequence[str]) -> Model:
    own = component.model

    def forward(model: Model, inputs: Any, is_train: bool) -> tuple[Scores, Callable[[Any], Any]]:
        scores = own.predict(inputs)
        _, restore = component.flatten(scores)
        docs = inputs
        if isinstance(inputs, tuple):
            # Candidates come with the documents.
            docs, spans = inputs
            scores = (spans, scores)
        answers = [component.ask_teacher(docs, scores, folder) for folder in folders]
        return restore(sum(answers) / len(answers)), lambda gradient: []

    # The own one is there to tell what its output layer means.
    return Model("mean", forward, layers=[own])


def _parse(
    component: TransitionLoss, folders: Sequence[str], docs: Sequence[Doc]
) -> Sequence[object]:
    states = component.moves.init_batch(docs)
    with component.reading(docs):
        left = [state for state in states if not state.is_final()]
        while left:
            answers = [component.ask_teacher(left, folder) for folder in folders]
            mean = numpy.ascontiguousarray(sum(answers) / len(answers), dtype="float32")
            left = component.transition_states(left, mean)  # type: ignore[attr-defined]
    return states
