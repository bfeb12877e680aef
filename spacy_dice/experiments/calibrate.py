"""Calibrate the decisions of a trained pipeline on a dev set.

A loss decides what a model learns, offsets on its scores decide what is made of it: how many
entities NER finds, which of two tags a tagger takes. Tuned on a dev set they are the baseline that
any loss has to beat (Lipton et al. 2014, arXiv 1402.1892: what maximises F1 is a threshold of F1/2,
not 1/2), and they go together with any loss.

What the dev set shows after tuning on it is optimistic. So the gain is cross-fitted too: each
document is predicted with the offsets that are best for the documents of the other folds.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.training import Corpus, Example

from .._validation import listed, nearest, refuse
from ..scorers import tag_scores
from .decisions import Offsets, can_calibrate, is_annotated, search_of, shift, shifted
from .evaluation import count_gold, items_of

FOLDS = 5


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
    items = items_of(pipe)
    assert items is not None
    # Documents that are annotated, but without an entity: what is found there is wrong.
    examples = [eg for eg in examples if is_annotated(pipe, eg.reference)]
    gold = count_gold((eg.reference for eg in examples), items[1])
    if not gold:
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
    search = search_of(pipe, examples, types=types)
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
        if items[0] == "tag":
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
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".calibrate-", dir=output.parent) as folder:
        copy = Path(folder) / output.name
        shutil.copytree(str(nlp.path), copy)
        nlp.get_pipe(result.component).to_disk(copy / result.component, exclude=["vocab"])
        copy.rename(output)
    return result


def _component(nlp: Language, name: str | None) -> str:
    known = [key for key, pipe in nlp.pipeline if can_calibrate(pipe)]
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
