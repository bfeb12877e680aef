"""Calibrate the decisions of a trained pipeline on a dev set.

A loss decides what a model learns, offsets on its scores decide what is made of it: how many
entities NER finds, which of two tags a tagger takes. Tuned on a dev set they are the baseline that
any loss has to beat (Lipton et al. 2014, arXiv 1402.1892: what maximises F1 is a threshold of F1/2,
not 1/2), and they go together with any loss.

What the dev set shows after tuning on it is optimistic. So the gain is cross-fitted too: each
document is predicted with the offsets that are best for the documents of the other folds.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.pipeline import EntityRecognizer, Tagger
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from .._files import new_folder
from .._validation import listed, nearest, refuse
from ..items import Items, entity_items, tag, token_items
from ..scorers import tag_scores
from .bias import Offsets, is_stock, shift, shifted
from .entities import EntitySearch
from .tokens import TagSearch

FOLDS = 5


class Search(Protocol):
    """Knows which offsets are best on which documents."""

    metric: str

    def best(self, chosen: NDArray[Any]) -> Offsets:
        """The best offsets for the documents of the boolean mask `chosen`; zeros left out."""

    def predict(self, docs: Sequence[Doc]) -> None:
        """Annotate with the component as it is."""


class Decisions(NamedTuple):
    """What there is to know about the decisions of a component.

    annotation: what a document has if it says what is right for the component, be it nothing.
    items: what is gold.
    """

    cls: type
    annotation: str
    items: Items


DECISIONS = (
    Decisions(EntityRecognizer, "ENT_IOB", entity_items),
    Decisions(Tagger, "TAG", token_items(tag)),
)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found for a component.

    offsets: what was added to the score of each label; labels without a change are left out.
    metric: the score that the offsets maximise.
    before, after: the scores on the dev set; `after` is optimistic.
    crossfitted: the scores when no document has a part in the offsets it is predicted with.
    """

    component: str
    metric: str
    offsets: Offsets
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    crossfitted: Mapping[str, Any]

    @property
    def gain(self) -> float:
        """The cross-fitted gain in the metric."""
        return self.crossfitted[self.metric] - self.before[self.metric]

    def to_text(self) -> str:
        """What was found, for people."""
        lines = [f"{self.component}: {self.metric} on the dev set, in %"]
        for name, scores in (
            ("before", self.before),
            ("after", self.after),
            ("cross-fitted", self.crossfitted),
        ):
            shown = [key for key in (self.metric, "ents_p", "ents_r", "tag_acc") if key in scores]
            values = "  ".join(f"{key} {100 * (scores[key] or 0.0):.2f}" for key in shown)
            lines.append(f"  {name:14}{values}")
        offsets = ", ".join(f"{label} {offset:+g}" for label, offset in self.offsets.items())
        lines.append(f"  offsets       {offsets or 'none: no change is better'}")
        if self.offsets and self.gain <= 0:
            lines.append(
                "  Cross-fitted there is no gain: on other texts these offsets may not help."
            )
        return "\n".join(lines)


def calibrate(
    nlp: Language,
    examples: Sequence[Example],
    component: str | None = None,
    *,
    types: bool = False,
    folds: int = FOLDS,
) -> Calibration:
    """Find the offsets that maximise a component's F1 on `examples`, and put them into its bias.

    examples: the dev set, not annotated yet.
    component: the name of the NER component or the tagger; without it, the only one there is.
    types: of NER, give an offset to each entity type too, where that is better by more than may be
        chance; without it only to O, whatever is best.
    folds: of the cross-fitting.
    RAISES: ValueError if there is no such component, if the dev set has no gold for it, or fewer
        documents than folds.
    """
    name = _component(nlp, component)
    pipe = nlp.get_pipe(name)
    decisions = _decisions_of(pipe)
    assert decisions is not None
    # Documents that are annotated, but without an entity: what is found there is wrong.
    examples = [eg for eg in examples if eg.reference.has_annotation(decisions.annotation)]
    if not any(decisions.items(Example(eg.reference, eg.reference))[0] for eg in examples):
        refuse("calibrate", f"the dev set has no gold for the component {name!r}")
    if len(examples) < folds:
        refuse(
            "calibrate",
            f"the dev set has gold for the component {name!r} in {len(examples)} documents, but "
            f"needs it in {folds} at least",
        )
    with nlp.select_pipes(disable=nlp.pipe_names[nlp.pipe_names.index(name) :]):
        docs = list(nlp.pipe(eg.predicted for eg in examples))
    examples = [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]
    search: Search
    if decisions.cls is EntityRecognizer:
        search = EntitySearch(pipe, examples, types=types)
    else:
        search = TagSearch(pipe, examples)
    fold = _folds(len(examples), folds)
    held_out: list[tuple[Offsets, Any]] = [
        (search.best(fold != i), numpy.flatnonzero(fold == i)) for i in range(folds)
    ]
    everything = numpy.arange(len(examples))
    best = search.best(fold >= 0)
    found = {}
    for key, parts in (
        ("before", [({}, everything)]),
        ("after", [(best, everything)]),
        ("crossfitted", held_out),
    ):
        annotated = []
        for offsets, chosen in parts:
            some = [Example(docs[i].copy(), examples[i].reference) for i in chosen]
            with shifted(pipe, offsets):
                search.predict([example.predicted for example in some])
            annotated += some
        found[key] = pipe.score(annotated)
        if decisions.cls is Tagger:
            found[key].update(tag_scores(annotated))
    shift(pipe, best)
    return Calibration(component=name, metric=search.metric, offsets=best, **found)


def calibrate_pipeline(
    model: str,
    dev: Path | str,
    output: Path,
    component: str | None = None,
    *,
    types: bool = False,
    folds: int = FOLDS,
) -> Calibration:
    """Calibrate a pipeline on disk or an installed one, and write the result to a new folder.

    model: what `spacy.load` takes; nothing is changed in it.
    dev: a `.spacy` file.
    output: appears whole or not at all. It has the files of the input, but for the component's
        weights, and needs no more than the input to be loaded.
    RAISES: OSError, ValueError; see `calibrate`.
    """
    if output.exists():
        raise FileExistsError(f"{output}: exists already")
    if not Path(dev).is_file():
        raise FileNotFoundError(f"{dev}: there is no such file")
    nlp = spacy.load(model)
    examples = list(Corpus(dev)(nlp))
    result = calibrate(nlp, examples, component, types=types, folds=folds)
    with new_folder(output) as folder:
        shutil.copytree(str(nlp.path), folder, dirs_exist_ok=True)
        nlp.get_pipe(result.component).to_disk(folder / result.component, exclude=["vocab"])
    return result


def _decisions_of(component: Any) -> Decisions | None:
    return next((known for known in DECISIONS if is_stock(component, known.cls)), None)


def _component(nlp: Language, name: str | None) -> str:
    known = [key for key, pipe in nlp.pipeline if _decisions_of(pipe) is not None]
    if name is None:
        if len(known) != 1:
            what = f"say which of {listed(known)}" if known else "there is no NER and no tagger"
            refuse("calibrate", f"the pipeline has {listed(nlp.pipe_names)}: {what}")
        return known[0]
    if name not in known:
        refuse(
            "calibrate",
            f"there is no NER and no tagger {name!r}{nearest(name, known)}; there are "
            f"{listed(known)}",
        )
    return name


def _folds(n_docs: int, folds: int) -> Any:
    """The fold of each document; neighbours, which may be alike, stay together."""
    return numpy.arange(n_docs) * folds // n_docs
