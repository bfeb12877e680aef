"""Calibrate the decisions of a trained pipeline on a dev set.

A loss decides what a model learns, offsets on its scores decide what is made of it: how many spans
are found, which of two tags a token gets, which of many labels are said of a text. Tuned on a dev
set they are the baseline that any loss has to beat (Lipton et al. 2014, arXiv 1402.1892: what
maximises F1 is a threshold of F1/2, not 1/2), and they go together with any loss.

What the dev set shows after tuning on it is optimistic. So the gain is cross-fitted too: each
document is decided with the offsets that are best for the documents of the other folds. But for NER
and taggers, offsets that gain nothing significantly by that are not taken.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.pipeline import (
    EntityRecognizer,
    Morphologizer,
    MultiLabel_TextCategorizer,
    SentenceRecognizer,
    SpanCategorizer,
    SpanFinder,
    Tagger,
    TextCategorizer,
    TrainablePipe,
)
from spacy.training import Corpus, Example

from .._files import new_folder
from .._types import Ints
from .._validation import listed, nearest, refuse
from ..components import QuerySpans, row_of, score_of, with_averages
from ..components.table import key_of
from ..items import DocumentCounts
from .base import Counts, Mask, Search
from .bias import Offsets
from .documents import CategoriesSearch, CategorySearch
from .edges import EdgeSearch
from .entities import EntitySearch
from .queries import QuerySearch
from .spans import span_search
from .tokens import AnalysisSearch, SentenceSearch, TagSearch

FOLDS = 5

# How the decisions of a stock component, and of what is derived from it, are searched for.
SEARCHES: dict[type, Callable[..., Search]] = {
    EntityRecognizer: EntitySearch,
    Tagger: TagSearch,
    Morphologizer: AnalysisSearch,
    SentenceRecognizer: SentenceSearch,
    TextCategorizer: CategorySearch,
    MultiLabel_TextCategorizer: CategoriesSearch,
    SpanCategorizer: span_search,
    SpanFinder: EdgeSearch,
    QuerySpans: QuerySearch,
}


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found for a component.

    component: its name. metric: the name of the score that is maximised.
    offsets: what was added to the score of each label; labels without a change are left out.
    thresholds: of labels with an offset that are decided for one by one: the probability, before
        the change, from which on they are now decided for.
    before, after: the scores on the dev set; `after` is optimistic.
    crossfitted: the scores when no document has a part in the offsets it is decided with.
    counts: of each document that has gold for the component, decided so.
    tau: with a prior, the factor that offsets are of minus log frequencies; see `calibrate`.
    compared: the cross-fitted score in the metric of a threshold for each label, `"labels"`, and of
        one for all, `"common"`, whatever is taken; empty where labels are not decided one by one.
    notes: what there is to say about labels, and why nothing was changed.
    """

    component: str
    metric: str
    offsets: Offsets
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    crossfitted: Mapping[str, Any]
    # An array has no truth value of a comparison.
    counts: DocumentCounts = field(compare=False)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    tau: float | None = None
    compared: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def gain(self) -> float:
        """The cross-fitted gain in the metric."""
        return float(self.crossfitted[self.metric] - self.before[self.metric])

    def to_dict(self) -> dict[str, Any]:
        """What was found, for JSON: all but the counts."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "counts"}

    def to_text(self) -> str:
        """What was found, for people."""
        lines = [f"{self.component}: {self.metric} on the dev set, in %"]
        prefix = self.metric[: -len("f")] if self.metric.endswith("_f") else self.metric
        for name, scores in (
            ("before", self.before),
            ("after", self.after),
            ("cross-fitted", self.crossfitted),
        ):
            beside = (f"{prefix}p", f"{prefix}r", *filter(score_of, scores))
            shown = [key for key in dict.fromkeys((self.metric, *beside)) if key in scores]
            values = "  ".join(f"{key} {100 * (scores[key] or 0.0):.2f}" for key in shown)
            lines.append(f"  {name:14}{values}")
        if self.thresholds:
            found = ", ".join(f"{label} {value:.3f}" for label, value in self.thresholds.items())
            lines.append(f"  thresholds    {found}")
        elif self.tau:
            lines.append(f"  tau           {self.tau:.2f}")
        else:
            found = ", ".join(f"{label} {offset:+g}" for label, offset in self.offsets.items())
            lines.append(f"  offsets       {found or 'none: no change is better'}")
        if self.compared:
            lines.append(
                f"  A threshold for each label, cross-fitted: {100 * self.compared['labels']:.2f}; "
                f"one for all: {100 * self.compared['common']:.2f}"
            )
        if self.offsets and self.gain <= 0:
            lines.append(
                "  Cross-fitted there is no gain: on other texts these offsets may not help."
            )
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def calibrate(
    nlp: Language,
    examples: Sequence[Example],
    component: str | None = None,
    *,
    metric: str | None = None,
    beta: float = 1.0,
    types: bool = False,
    labels: bool = True,
    prior: Iterable[Example] | None = None,
    folds: int = FOLDS,
) -> Calibration:
    """Find the decisions that maximise a component's score on `examples`, and put them into it.

    They are offsets in the bias of its output layer: a threshold of each label for `spancat` and
    `textcat_multilabel`, one threshold for `span_finder`, an offset on each label for the others;
    on the move O, and with `types` on entity types, for `ner`; on first tokens for `senter`.

    examples: the dev set, not annotated yet. The component predicts it once, NER for each trial.
    component: its name; without it, the only one there is.
    metric: `"micro"`, `"macro"`, `"accuracy"`, or a label whose F-score alone counts. Without it
        micro for entities, spans and sentences, macro for labels of tokens and texts.
    beta: how many times as important as precision recall is.
    types: for NER only: give an offset to each entity type too, where that is better by more than
        may be chance; without it only to O, whatever is best.
    labels: where labels are decided for one by one: a threshold for each; False for one for all.
    prior: the training data of `tagger`, `morphologizer` or `textcat`: one number is tuned, tau, in
        place of an offset on each label. That of a label is -tau times the logarithm of how often
        it is gold there (logit adjustment, Menon et al. 2021, arXiv 2007.07314).
    folds: of the cross-fitting.
    RETURNS: what was found; `nlp` is changed accordingly.
    RAISES: ValueError if there is no such component, if its model has no bias to shift, if the
        metric makes no sense for it, if the dev set has no gold for it, or fewer documents than
        folds.
    """
    name = _component(nlp, component)
    pipe = nlp.get_pipe(name)
    row = row_of(pipe)
    assert row is not None
    # Documents that are annotated, but without an entity: what is found there is wrong.
    examples = [eg for eg in examples if row.is_annotated(pipe, eg.reference)]
    with nlp.select_pipes(disable=nlp.pipe_names[nlp.pipe_names.index(name) :]):
        docs = list(nlp.pipe(eg.predicted for eg in examples))
    examples = [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]
    settings = {"types": types} if isinstance(pipe, EntityRecognizer) else {}
    make = search_of(pipe)
    assert make is not None
    search = make(pipe, examples, average=metric, beta=beta, **settings)
    if prior is not None:
        search.use_prior(list(prior))
    everything = range(len(examples))
    fold = folds_of(name, len(examples), folds)
    before, before_counts = _scored(search, search.examples_of(everything, {}))
    find = search.best if labels else search.best_common
    crossfitted, counts = _scored(search, crossfitted_examples(search, find, fold))
    best = find(fold >= 0)
    compared = {}
    if search.has_common:
        other = search.best_common if labels else search.best
        names = ("labels", "common") if labels else ("common", "labels")
        found = (counts, _scored(search, crossfitted_examples(search, other, fold))[1])
        compared = {n: search.metric.of(c) for n, c in zip(names, found, strict=True)}
    notes = [*_notes(search, before_counts), *_overwritten(nlp, name)]
    after = before
    if search.tested and best and not search.metric.is_gain(counts, before_counts):
        gain = 100 * (search.metric.of(counts) - search.metric.of(before_counts))
        error = 100 * search.metric.standard_error(counts, before_counts)
        notes.append(
            f"Nothing was changed: cross-fitted the gain is {gain:+.2f} with a standard error of "
            f"{error:.2f}, which may be chance."
        )
        best, crossfitted, counts = {}, before, before_counts
    elif best:
        after, _ = _scored(search, search.examples_of(everything, best))
    elif search.tested:
        crossfitted, counts = before, before_counts
    search.apply(best)
    return Calibration(
        component=name,
        metric=search.score,
        offsets=best,
        before=before,
        after=after,
        crossfitted=crossfitted,
        counts=DocumentCounts(search.labels, counts),
        thresholds=search.thresholds_of(best),
        tau=search.tau_of(best),
        compared=compared,
        notes=notes,
    )


def calibrate_pipeline(
    model: str,
    dev: Path | str,
    output: Path,
    component: str | None = None,
    *,
    metric: str | None = None,
    beta: float = 1.0,
    types: bool = False,
    labels: bool = True,
    prior: Path | None = None,
    folds: int = FOLDS,
) -> Calibration:
    """Calibrate a pipeline on disk or an installed one, and write the result to a new folder.

    model: what `spacy.load` takes; nothing is changed in it.
    dev: a `.spacy` file.
    output: appears whole or not at all. It has the files of the input, but for the component's
        weights, and needs no more than the input to be loaded.
    prior: a `.spacy` file.
    component, metric, beta, types, labels, prior, folds: see `calibrate`.
    RAISES: OSError, ValueError; see `calibrate`.
    """
    if output.exists():
        raise FileExistsError(f"{output}: exists already")
    for path in (dev, prior):
        if path is not None and not Path(path).is_file():
            raise FileNotFoundError(f"{path}: there is no such file")
    nlp = spacy.load(model)
    examples = list(Corpus(dev)(nlp))
    result = calibrate(
        nlp,
        examples,
        component,
        metric=metric,
        beta=beta,
        types=types,
        labels=labels,
        prior=None if prior is None else Corpus(prior)(nlp),
        folds=folds,
    )
    with new_folder(output) as folder:
        shutil.copytree(str(nlp.path), folder, dirs_exist_ok=True)
        nlp.get_pipe(result.component).to_disk(folder / result.component, exclude=["vocab"])
    return result


def search_of(component: TrainablePipe) -> Callable[..., Search] | None:
    """What makes the search for the decisions of a component; None if there is none."""
    return next((SEARCHES[cls] for cls in type(component).__mro__ if cls in SEARCHES), None)


def folds_of(component: str, n_documents: int, folds: int = FOLDS) -> Ints:
    """The fold of each document. RAISES: ValueError if there are more folds than documents."""
    if n_documents < folds:
        refuse(
            "calibrate",
            f"the dev set has gold for the component {component!r} in {n_documents} documents, but "
            f"needs it in {folds} at least",
        )
    # Neighbours, which may be alike, stay together.
    return numpy.arange(n_documents) * folds // n_documents


def crossfitted_examples(
    search: Search, find: Callable[[Mask], Offsets], fold: Ints
) -> list[Example]:
    """The dev set, each fold decided with what is found in the others.

    fold: that of each document, `(documents,)`.
    """
    return [
        example
        for i in range(fold.max() + 1)
        for example in search.examples_of(numpy.flatnonzero(fold == i).tolist(), find(fold != i))
    ]


def _component(nlp: Language, name: str | None) -> str:
    known = [key for key, pipe in nlp.pipeline if search_of(pipe) is not None]
    if name is None:
        if len(known) != 1:
            what = f"say which of {listed(known)}" if known else "none of them can be calibrated"
            refuse("calibrate", f"the pipeline has {listed(nlp.pipe_names)}: {what}")
        return known[0]
    if name not in known:
        if name in nlp.component_names:
            what = f"the decisions of the component {name!r} cannot be calibrated"
        else:
            what = f"there is no component {name!r}{nearest(name, known)}"
        refuse("calibrate", f"{what}; what can be is {listed(known)}")
    return name


def _scored(search: Search, examples: Sequence[Example]) -> tuple[dict[str, Any], Counts]:
    """The scores of examples that were decided, and counts of them."""
    counts = search.counts_of(examples)
    component = search.component
    scores = with_averages(component.score(examples), component, examples)
    scores.setdefault(search.score, search.metric.of(counts))
    return scores, counts


def _overwritten(nlp: Language, name: str) -> list[str]:
    """What there is to say of a span group that a later component writes, too."""
    key = key_of(nlp.get_pipe(name))
    later = nlp.pipe_names[nlp.pipe_names.index(name) + 1 :]
    same = [other for other in later if key and key_of(nlp.get_pipe(other)) == key]
    if not same:
        return []
    return [
        f"{listed(same)} after it writes spans[{key!r}], too: in the end these spans are there, "
        f"not those of {name!r} (give one of them another spans_key)"
    ]


def _notes(search: Search, counts: Counts) -> list[str]:
    """What there is to say about the labels of a dev set."""
    gold = counts[:, :, 0].sum(axis=0) + counts[:, :, 2].sum(axis=0)
    absent = [label for label, n in zip(search.known_labels, gold, strict=False) if not n]
    notes = []
    if absent:
        notes.append(f"Without a positive in the dev set, and left as they are: {listed(absent)}")
    if search.unknown:
        notes.append(f"In the dev set, but no labels of the component: {listed(search.unknown)}")
    return notes
