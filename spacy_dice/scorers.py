"""spaCy scorers that show what accuracy hides: the scores of each label, and their averages.

Each takes the place of the scorer that spaCy has for a component, calls it, keeps all of its scores
as they are, and adds, under the component's prefix:

* ``…_macro_f``: the mean of the F1 of all labels that are there, gold or predicted, so that a rare
  label counts as much as a frequent one;
* ``…_weighted_f``: that mean weighted by how often each label is gold;
* ``…_micro_f`` and ``…_per_type`` where spaCy's scorer has nothing like them: F1 over all labels
  together, and precision, recall and F1 of each label.

They are None where spaCy's scores of the same annotation are, for want of it. All are equal to
scikit-learn's `precision_recall_fscore_support` on the same labels.

    [components.tagger.scorer]
    @scorers = "dice.tagger_scorer.v1"

    [training.score_weights]
    tag_acc = 0.5
    tag_macro_f = 0.5
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, TypedDict

from spacy.scorer import PRFScore
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from spacy.util import registry
from typing_extensions import Unpack

from ._validation import check_choice
from .counts import f_score
from .items import (
    ALTERNATIVES,
    Items,
    answer_items,
    count_documents,
    count_labels,
    entity_items,
    features,
    pos,
    pos_and_features,
    supports,
    tag,
    token_items,
)
from .queries.scores import all_scores, any_scores

Scores = dict[str, Any]
Place = tuple[int, int]


class ScorerSettings(TypedDict, total=False):
    """What spaCy passes to the scorers of its components, as far as it is read here."""

    attr: str
    spans_key: str
    labels: Sequence[str]
    query_key: str | None
    decode: str


@dataclass(frozen=True)
class LabelScorer:
    """A scorer that adds to the scores of another one.

    stock: the registered name of the other one.
    more: what is added: called with the examples, the scores so far and the settings.
    """

    stock: str
    more: Callable[[Sequence[Example], Scores, ScorerSettings], Scores]

    def __call__(self, examples: Iterable[Example], **settings: Unpack[ScorerSettings]) -> Scores:
        """The scores of `examples`; `settings` are those that spaCy passes to its own scorer."""
        examples = list(examples)
        scores = registry.scorers.get(self.stock)()(examples, **settings)
        return {**scores, **self.more(examples, scores, settings)}


def make_tagger_scorer() -> LabelScorer:
    """`dice.tagger_scorer.v1`: adds `tag_macro_f`, `tag_micro_f`, `tag_weighted_f`, `tag_per_type`.

    `tag_micro_f` is `tag_acc`, unless a token has no predicted tag.
    """
    return LabelScorer("spacy.tagger_scorer.v1", _more_of_tagger)


def make_morphologizer_scorer() -> LabelScorer:
    """`dice.morphologizer_scorer.v1`: adds scores of coarse tags, features and both.

    `pos_…` are of coarse tags (`NOUN`), like `pos_acc`. `morph_…` are of single features
    (`Number=Plur`), whose micro average is spaCy's `morph_micro_f`. `pos_morph_…` are of what the
    component tells apart, whole analyses (`NOUN|Number=Plur`).
    """
    return LabelScorer("spacy.morphologizer_scorer.v1", _more_of_morphologizer)


def make_ner_scorer() -> LabelScorer:
    """`dice.ner_scorer.v1`: adds `ents_macro_f` and `ents_weighted_f`; the micro F1 is `ents_f`."""
    return LabelScorer("spacy.ner_scorer.v1", _more_of_ner)


def make_spancat_scorer() -> LabelScorer:
    """`dice.spancat_scorer.v1`: adds `spans_KEY_macro_f`, `spans_KEY_weighted_f`.

    The micro F1 is `spans_KEY_f`. For `spancat` and `spancat_singlelabel`.
    """
    return LabelScorer("spacy.spancat_scorer.v1", _more_of_spancat)


def make_textcat_scorer() -> LabelScorer:
    """`dice.textcat_scorer.v1`: adds `cats_weighted_f`, as spaCy has the other averages.

    spaCy's `cats_macro_f` is over all labels of the component, there or not.
    """
    return LabelScorer("spacy.textcat_scorer.v2", _more_of_textcat)


def make_textcat_multilabel_scorer() -> LabelScorer:
    """`dice.textcat_multilabel_scorer.v1`: the same for categories that do not exclude others."""
    return LabelScorer("spacy.textcat_multilabel_scorer.v2", _more_of_textcat_multilabel)


def make_query_spans_scorer(gold: str = "any") -> LabelScorer:
    """`dice.query_spans_scorer.v1`: adds the scores of answers, each in [0, 1].

    `answer_em` and `answer_f` are means over questions of exact match and of the F1 of words,
    `has_answer_em` and `has_answer_f` over those with a gold answer; `no_answer_acc` is the share
    of the others that get no answer. They are None where there is no such question.
    `answer_span_f` is the F1 of answers by place, where no answer is one, too.

    Documents whose query has the same `attrs["id"]` are windows of one question: their answers are
    merged, the most probable one first.

    gold: `"any"`: each span of the gold group, and of the group of the same name with
        `_alternatives`, is a right answer, as in SQuAD. `"all"`: all spans of the gold group are
        one answer, as in QuoRef and DROP.
    RAISES: ValueError for another `gold`.
    """
    check_choice("dice.query_spans_scorer.v1", "gold", gold, ("any", "all"))
    return LabelScorer("spacy.span_finder_scorer.v1", partial(_more_of_query_spans, gold=gold))


def scores_of_items(examples: Iterable[Example], prefix: str, items: Items) -> Scores:
    """`…_per_type` and all averages; None if there are neither gold nor predicted labels."""
    counts = count_labels(examples, items)
    total = PRFScore()
    for count in counts.values():
        total += count
    per_type = {label: count.to_dict() for label, count in counts.items()} or None
    return {
        f"{prefix}_micro_f": total.fscore if counts else None,
        **averages(prefix, per_type, supports(counts)),
        f"{prefix}_per_type": per_type,
    }


def averages(
    prefix: str, per_type: Mapping[str, Mapping[str, float]] | None, support: Mapping[str, int]
) -> Scores:
    """Macro and weighted F1.

    per_type: scores of each label, of which "f" counts; None gives None.
    support: how often each label is gold.

    >>> averages("tag", {"NN": {"f": 0.9}, "UH": {"f": 0.5}}, {"NN": 30, "UH": 10})
    {'tag_macro_f': 0.7, 'tag_weighted_f': 0.8}
    """
    if per_type is None:
        return {f"{prefix}_macro_f": None, f"{prefix}_weighted_f": None}
    total = sum(support.get(label, 0) for label in per_type)
    weighted = sum(score["f"] * support.get(label, 0) for label, score in per_type.items())
    return {
        f"{prefix}_macro_f": sum(score["f"] for score in per_type.values()) / max(len(per_type), 1),
        f"{prefix}_weighted_f": weighted / max(total, 1),
    }


def _more_of_tagger(
    examples: Sequence[Example], scores: Scores, settings: ScorerSettings
) -> Scores:
    return scores_of_items(examples, "tag", token_items(tag))


def _more_of_morphologizer(
    examples: Sequence[Example], scores: Scores, settings: ScorerSettings
) -> Scores:
    more = scores_of_items(examples, "pos", token_items(pos))
    more.update(scores_of_items(examples, "morph", token_items(features)))
    more.update(scores_of_items(examples, "pos_morph", token_items(pos_and_features)))
    # What spaCy has is kept to the last digit.
    return {key: value for key, value in more.items() if key not in scores}


def _more_of_ner(examples: Sequence[Example], scores: Scores, settings: ScorerSettings) -> Scores:
    counts = count_labels(examples, entity_items)
    per_type = scores["ents_per_type"]
    if per_type is not None:
        # spaCy lists types, too, that were only found where nobody knows whether they are right.
        per_type = {label: prf for label, prf in per_type.items() if label in counts}
    return averages("ents", per_type, supports(counts))


def _more_of_spancat(
    examples: Sequence[Example], scores: Scores, settings: ScorerSettings
) -> Scores:
    key = settings["spans_key"]
    prefix = settings.get("attr", f"spans_{key}")
    support: Counter[str] = Counter()
    for example in examples:
        spans = example.reference.spans.get(key, ())
        support.update(label for label, *_ in {(s.label_, s.start, s.end) for s in spans})
    return averages(prefix, scores[f"{prefix}_per_type"], support)


def _more_of_textcat(
    examples: Sequence[Example], scores: Scores, settings: ScorerSettings
) -> Scores:
    support: Counter[str] = Counter()
    for cats in _categories(examples, settings):
        if cats:
            support[max(cats, key=lambda label: cats[label])] += 1
    return _weighted_of_categories(scores, support)


def _more_of_textcat_multilabel(
    examples: Sequence[Example], scores: Scores, settings: ScorerSettings
) -> Scores:
    support: Counter[str] = Counter()
    for cats in _categories(examples, settings):
        support.update(label for label, score in cats.items() if score > 0)
    return _weighted_of_categories(scores, support)


def _categories(
    examples: Sequence[Example], settings: ScorerSettings
) -> Iterable[dict[str, float]]:
    """The gold categories of each example that the component knows."""
    known = set(settings.get("labels", ()))
    for example in examples:
        cats = example.reference.cats
        yield {label: score for label, score in cats.items() if label in known}


def _weighted_of_categories(scores: Scores, support: Mapping[str, int]) -> Scores:
    found = averages("cats", scores["cats_f_per_type"], support)
    return {"cats_weighted_f": found["cats_weighted_f"]}


def _more_of_query_spans(
    examples: Sequence[Example], scores: Scores, settings: ScorerSettings, *, gold: str
) -> Scores:
    key, query_key = settings["spans_key"], settings.get("query_key") or "query"
    annotated = [example for example in examples if key in example.reference.spans]
    names = [f"{kind}answer_{score}" for kind in ("", "has_") for score in ("em", "f")]
    if not annotated:
        return dict.fromkeys([*names, "no_answer_acc", "answer_span_f"])
    questions: dict[Any, list[Example]] = {}
    for i, example in enumerate(annotated):
        # The windows of a question have its id.
        attributes = _attributes(example.reference, query_key)
        questions.setdefault(attributes.get("id", (i,)), []).append(example)
    with_answer: list[tuple[float, float]] = []
    without: list[tuple[float, float]] = []
    for windows in questions.values():
        right: dict[Place, str] = {}
        found: dict[Place, tuple[float, str]] = {}
        for window in windows:
            reference = window.reference
            groups = [key] if gold == "all" else [key, ALTERNATIVES.format(key=key)]
            for group in groups:
                answers = _answers(reference, reference, group, query_key)
                right.update((place, text) for place, _, text in answers)
            for place, score, text in _answers(window.predicted, reference, key, query_key):
                found[place] = max(found.get(place, (-inf, text)), (score, text))
        ranked = [text for _, text in sorted(found.values(), key=lambda one: -one[0])]
        if gold == "any":
            value = any_scores("".join(ranked[:1]), list(right.values()))
        else:
            best = ranked[:1] if settings.get("decode") == "best" else ranked
            value = all_scores(best, list(right.values()))
        (with_answer if right else without).append(value)
    values = {"": with_answer + without, "has_": with_answer}
    more: Scores = {}
    for kind, pairs in values.items():
        for i, name in enumerate(("em", "f")):
            mean = sum(pair[i] for pair in pairs) / len(pairs) if pairs else None
            more[f"{kind}answer_{name}"] = mean
    more["no_answer_acc"] = sum(em for em, _ in without) / len(without) if without else None
    counts = count_documents(annotated, answer_items(key)).array.sum(axis=(0, 1))
    more["answer_span_f"] = float(f_score(*counts))
    return more


def _attributes(doc: Doc, query_key: str) -> dict[str, Any]:
    return dict(doc.spans[query_key].attrs) if query_key in doc.spans else {}


def _answers(
    doc: Doc, reference: Doc, key: str, query_key: str
) -> Iterator[tuple[Place, float, str]]:
    """The answers in a document: characters in the whole context, score and text."""
    offset = int(_attributes(reference, query_key).get("offset", 0))
    group = doc.spans.get(query_key, ())
    before = sum(len(span.text_with_ws) for span in group)
    spans = doc.spans[key] if key in doc.spans else SpanGroup(doc)
    scores = spans.attrs.get("scores") or [0.0] * len(spans)
    for span, score in zip(spans, scores, strict=True):
        start = offset + span.start_char - before
        yield (start, start + len(span.text)), float(score), span.text
