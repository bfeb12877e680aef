"""Checkpoints by calibrated scores: which of them is best once its decisions are tuned.

While a pipeline is trained, scores on the dev set choose the checkpoint that is kept. The one that
is best as it is need not be the one that is best after `calibrate`.
"""

from collections.abc import Sequence
from typing import Any

from spacy.language import Language
from spacy.pipeline import (
    EntityRecognizer,
    MultiLabel_TextCategorizer,
    SpanCategorizer,
    TrainablePipe,
)
from spacy.tokens import Doc
from spacy.training import Example

from .._validation import listed, nearest, refuse
from ..components import row_of
from .pipeline import crossfitted_examples, folds_of, search_of

_OWNER = "dice.calibrated_scores.v1"
PREFIX = "calibrated_"
# Components whose annotation of a document, there already, is replaced by that of a trial.
_POSSIBLE = (EntityRecognizer, SpanCategorizer, MultiLabel_TextCategorizer)


class CalibratedScores:
    """A callback that has components tell their calibrated scores, too, while they are trained."""

    def __init__(self, components: Sequence[str]) -> None:
        self.components = list(components)

    def __call__(self, nlp: Language) -> Language:
        """Put a `CalibratedScorer` in the place of scorers. RAISES: ValueError, nothing changed."""
        possible = [name for name, pipe in nlp.components if isinstance(pipe, _POSSIBLE)]
        for name in self.components:
            if name not in possible:
                refuse(
                    _OWNER,
                    f"components must be some of {listed(possible)}, which are of the kind ner, "
                    f"spancat or textcat_multilabel, got {name!r}{nearest(name, possible)}",
                )
        for name in self.components:
            pipe = nlp.get_pipe(name)
            scorer = pipe.scorer
            pipe.scorer = scorer if isinstance(scorer, CalibratedScorer) else CalibratedScorer(pipe)
        return nlp


def create_calibrated_scores(components: list[str]) -> CalibratedScores:
    """`dice.calibrated_scores.v1`: a callback for `[initialize.before_init]`.

    Beside a score such as `ents_f` there is `calibrated_ents_f` then, which can have a weight in
    `[training.score_weights]`. Nothing of it is in the pipeline that is saved.

    components: the names of those that tell it.
    """
    return CalibratedScores(components)


class CalibratedScorer:
    """The scores of a component, and what its main one comes to with calibrated decisions."""

    def __init__(self, component: TrainablePipe) -> None:
        self.component, self.scorer = component, component.scorer

    def __call__(self, examples: Sequence[Example], **settings: Any) -> dict[str, Any]:
        """The scores of annotated examples, and the cross-fitted one of the best decisions.

        RAISES: ValueError if the examples have no gold for the component, or in too few documents.
        """
        examples = list(examples)
        scores = dict(self.scorer(examples, **settings)) if self.scorer else {}
        row, make = row_of(self.component), search_of(self.component)
        assert row is not None
        assert make is not None
        dev = [
            Example(self._cleared(eg.predicted), eg.reference)
            for eg in examples
            if row.is_annotated(self.component, eg.reference)
        ]
        fold = folds_of(self.component.name, len(dev))
        search = make(self.component, dev)
        decided = crossfitted_examples(search, search.best, fold)
        scores[PREFIX + search.score] = search.metric.of(search.counts_of(decided))
        return scores

    def _cleared(self, doc: Doc) -> Doc:
        """The document as it was before the component annotated it, where that matters."""
        if isinstance(self.component, EntityRecognizer):
            doc = doc.copy()
            doc.set_ents([], default="missing")
        return doc
