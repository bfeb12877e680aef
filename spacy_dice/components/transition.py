"""Components that learn to choose transitions: several moves can be gold at once.

The stock `get_batch_loss` returns, for each state, softmax minus the gold set renormalised, p - y:
the gradient of -log p(gold set). Cells that are not positive are the gold moves, and a row of zeros
carries no information. What the other losses see as the target is the gold set renormalised, so
that it asks for no particular one of several gold moves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from random import random
from types import MappingProxyType
from typing import Protocol

import numpy
from spacy.pipeline import DependencyParser, EntityRecognizer, TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from thinc.api import Model
from thinc.types import Floats2d
from typing_extensions import Unpack, override

from .._types import Bools
from .._validation import is_number, refuse
from ..losses import AnyLoss, Batch, Labels, main_names
from .base import LossMixin, UpdateSettings, initialize_with_loss


class _State(Protocol):
    """What is used of a parser's state: its document, and the token that a move is chosen for."""

    doc: Doc

    def B(self, i: int) -> int: ...

    def is_final(self) -> bool: ...


class _Moves(Protocol):
    """What is used of the transition systems of spaCy."""

    n_moves: int

    def get_class_name(self, move: int) -> str: ...

    def init_batch(self, docs: Sequence[Doc]) -> Sequence[_State]: ...

    def init_gold_batch(
        self, examples: Sequence[Example]
    ) -> tuple[Sequence[object], Sequence[object], int]: ...

    def get_oracle_sequence_from_state(self, state: object, gold: object) -> list[int]: ...


class TransitionLoss(LossMixin):
    """Replaces `get_batch_loss` of a stock class."""

    moves: _Moves
    # The documents of an update, and the step model that each teacher made of them.
    _docs: Sequence[Doc] = ()
    _steps: dict[str, Model]

    @classmethod
    @override
    def check_loss(cls, component: TrainablePipe, loss: AnyLoss) -> None:
        """Refuse what cannot be the loss of `component`, and beam updates. RAISES: ValueError."""
        super().check_loss(component, loss)
        if component.cfg["beam_update_prob"] > 0:
            refuse(
                f"[components.{component.name}]",
                f"beam_update_prob must be 0, got {component.cfg['beam_update_prob']!r}: beam "
                "updates compute a loss of their own, which a loss block cannot replace",
            )

    def update(
        self, examples: Iterable[Example], **settings: Unpack[UpdateSettings]
    ) -> dict[str, float]:
        """Learn from a batch of examples, as the stock component does."""
        self.bind_loss()
        examples = list(examples)
        with self.reading([eg.predicted for eg in examples]):
            return super().update(examples, **settings)  # type: ignore[misc]

    @contextmanager
    def reading(self, docs: Sequence[Doc]) -> Iterator[None]:
        """The documents that teachers are asked about while the block runs."""
        self._docs, self._steps = docs, {}
        try:
            yield
        finally:
            self._docs, self._steps = (), {}

    def get_batch_loss(
        self,
        states: Sequence[_State],
        golds: Sequence[object],
        scores: Floats2d,
        losses: dict[str, float] | None,
    ) -> Floats2d:
        """The gradient of the loss over the moves of a step, `(n_states, n_moves)`.

        states, golds: the states of the step and their gold standard.
        scores: the raw scores of the moves.
        losses: a dict that the value of the loss is added to under the component's name, or None.
        RAISES: ValueError if the loss is not finite, as where a score is not a number.
        """
        stock = super().get_batch_loss(states, golds, scores, None)  # type: ignore[misc]
        probs = softmax(numpy.asarray(scores))
        targets, weights = targets_of_gradient(probs, stock)
        weights = self.weigh_states(states, targets, weights)
        ask = partial(self.ask_teacher, states)
        batch = Batch(probs, targets, weights, stock_gradient=stock, ask=ask)
        value, gradient = self.evaluate_loss(batch)
        if losses is not None:
            losses.setdefault(self.name, 0.0)
            losses[self.name] += value
        return gradient

    def ask_teacher(self, states: Sequence[object], folder: str) -> Floats2d:
        """The probabilities that a teacher gives the moves in the states of a step.

        RAISES: ValueError if it cannot teach this component.
        """
        teacher = self.teacher(folder)
        if folder not in self._steps:
            # Of all documents in their order: states count tokens from the begin of the batch.
            self._steps[folder] = teacher.component.model.predict(teacher.read(self._docs))
        scores = numpy.asarray(self._steps[folder].predict(states))
        return teacher.in_order_of_student(softmax(scores), exclusive=True)

    def weigh_states(
        self, states: Sequence[_State], targets: Floats2d, weights: Floats2d | None
    ) -> Floats2d | None:
        """The weights of the states, `(n_states, 1)`, given those that the gold standard has."""
        return weights

    @classmethod
    @override
    def name_columns(cls, component: TrainablePipe) -> Labels:
        """The names of the moves, `B-PER`; each answers to its label, `PER`, too."""
        moves = component.moves
        names = [moves.get_class_name(i) for i in range(moves.n_moves)]
        return [(name, *filter(None, name.split("-", 1)[1:])) for name in names]

    @override
    def count_gold(self, examples: Iterable[Example]) -> dict[str, float]:
        """How often each move is in the gold sequences of `examples`."""
        totals = [0] * self.moves.n_moves
        for example in examples:
            states, golds, _ = self.moves.init_gold_batch([example])
            for state, gold in zip(states, golds, strict=True):
                for move in self.moves.get_oracle_sequence_from_state(state, gold):
                    totals[move] += 1
        return dict(zip(main_names(self.loss_labels), map(float, totals), strict=True))


class DiceEntityRecognizer(TransitionLoss, EntityRecognizer):
    """spaCy's `EntityRecognizer` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.EntityRecognizer` and `loss`.
    negative_sampling: for training data in which entities are not annotated. The share, in [0, 1],
        of tokens outside of entities that are learned from, others in each update (after Li, Liu
        and Shi 2021, arXiv 2012.05426). Those next to an entity always are: who annotated it has
        seen them.
    RAISES: ValueError if `beam_update_prob` is not 0, and for a share that is none.
    """

    annotation = ("ENT_IOB",)
    initialize = initialize_with_loss(EntityRecognizer.initialize)
    _negative_sampling = 1.0
    # By the `id` of the documents of an update, which of their tokens are in an entity or next to
    # one; and the column of the move O.
    _near: Mapping[int, Bools] = MappingProxyType({})
    _outside = 0

    @property
    def negative_sampling(self) -> float:
        """The share of tokens outside of entities that are learned from."""
        return self._negative_sampling

    @negative_sampling.setter
    def negative_sampling(self, share: float) -> None:
        if not is_number(share) or not 0 <= share <= 1:
            refuse(
                f"[components.{self.name}]", f"negative_sampling must be in [0, 1], got {share!r}"
            )
        self._negative_sampling = share

    @override
    def update(
        self, examples: Iterable[Example], **settings: Unpack[UpdateSettings]
    ) -> dict[str, float]:
        """Learn from a batch of examples, as the stock component does."""
        if self.negative_sampling == 1:
            return super().update(examples, **settings)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        self._outside = main_names(self.loss_labels).index("O")
        self._near = {id(eg.predicted): _near_entities(eg) for eg in examples}
        try:
            return super().update(examples, **settings)
        finally:
            self._near = {}

    @override
    def weigh_states(
        self, states: Sequence[_State], targets: Floats2d, weights: Floats2d | None
    ) -> Floats2d | None:
        if not self._near:
            return weights
        is_near = [self._near[id(state.doc)][state.B(0)] for state in states]
        # Of the random numbers that spaCy's own are of, which the seed of a training is for.
        is_drawn = numpy.array([random() < self.negative_sampling for _ in states])
        # O is the only gold move; where nothing is known, it is one of many.
        is_outside = targets[:, self._outside] == 1
        kept = ~is_outside | is_near | is_drawn
        of_rows = kept.astype(targets.dtype)[:, None]
        return of_rows if weights is None else weights * of_rows

    @classmethod
    @override
    def has_annotation(cls, component: TrainablePipe, doc: Doc) -> bool:
        """Whether the document has entities, or spans that are known to be none."""
        known_to_be_none = component.cfg["incorrect_spans_key"] in doc.spans
        return known_to_be_none or super().has_annotation(component, doc)


class DiceDependencyParser(TransitionLoss, DependencyParser):
    """spaCy's `DependencyParser` with a loss that can be chosen.

    Arguments are those of `spacy.pipeline.DependencyParser` and `loss`.
    RAISES: ValueError if `beam_update_prob` is not 0.
    """

    annotation = ("DEP",)
    initialize = initialize_with_loss(DependencyParser.initialize)


def _near_entities(example: Example) -> Bools:
    """Which tokens are in a gold entity or next to one; those that nothing is known of are not."""
    tags = example.get_aligned_ner()
    is_inside = numpy.array([tag not in _NO_ENTITY for tag in tags], dtype=bool)
    is_near = is_inside.copy()
    is_near[1:] |= is_inside[:-1]
    is_near[:-1] |= is_inside[1:]
    return is_near


# Outside of entities, and what is not annotated.
_NO_ENTITY = ("O", "-", "", None)


def softmax(scores: Floats2d) -> Floats2d:
    """The probabilities of the moves; a few calls less than `thinc.api.NumpyOps.softmax`."""
    probs = scores - numpy.maximum.reduce(scores, axis=1, keepdims=True)
    numpy.exp(probs, out=probs)
    probs /= numpy.add.reduce(probs, axis=1, keepdims=True)
    return probs


def targets_of_gradient(probs: Floats2d, stock: Floats2d) -> tuple[Floats2d, Floats2d | None]:
    """The gold sets renormalised, and the weights of the rows; None where all are 1.

    The targets are in proportion to the probabilities. They are not taken from the gradient, where
    little is left of them when a gold set has nearly all of the probability.
    """
    n_rows, n_moves = stock.shape
    gold = stock <= 0
    n_gold = numpy.count_nonzero(gold)
    if n_gold == n_rows:
        # One in each row, as none is without: the most frequent case, with nothing to share.
        return gold.astype(probs.dtype), None
    # Far below the smallest probability that matters: only a gold set of zeros is made even by it.
    targets = gold * (probs + numpy.finfo(probs.dtype).tiny)
    targets /= numpy.add.reduce(targets, axis=1, keepdims=True)
    if n_gold < n_rows - 1 + n_moves:
        # Too few for a row of zeros, all of which would count as gold.
        return targets, None
    informative = stock.any(axis=1)
    return targets, None if informative.all() else informative.astype(probs.dtype)[:, None]
