"""Components that find in a context what a query asks for: reading comprehension, BERT-MRC."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.pipeline.span_finder import SpanFinder
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import get_array_module
from typing_extensions import Unpack, override

from .._types import Floats
from .._validation import check_choice, refuse
from ..losses import AnyLoss, Batch, Bound, bind, needs_columns
from ..queries.decoding import best_span, nearest_ends
from ..queries.documents import QUERY, SEPARATOR, context_start, keep_whole, name_of
from .base import GetExamples, UpdateSettings, initialize_with_loss
from .outputs import LEAST
from .probed import LOGISTIC, PROBE, OutputLayer, layer_of, targets_of_probe
from .spans import DiceSpanFinder

DECODE = ("best", "all")
NORMALIZE = ("token", "document")

# No activation at the end of a model.
LINEAR = OutputLayer(exclusive=False, wrt="logits")


class DocumentRows(NamedTuple):
    """First and last tokens as choices among the tokens of a document: two rows for each.

    probs, targets: `(2 n_docs, n)`; the columns are the separator, which stands for no answer, the
        tokens of the context, and nothing for shorter ones. Gold tokens share the target.
    weights: `(2 n_docs, 1)`, 0 where a gold token is not one of the tokens.
    places: of each document, the rows of the scores that its columns come from.
    n_tokens: how many rows the scores have.
    """

    probs: Floats2d
    targets: Floats2d
    weights: Floats2d
    places: list[slice]
    n_tokens: int

    def restore(self, gradient: Floats2d) -> Floats2d:
        """The gradient `(n_tokens, 2)` by the scores."""
        restored = get_array_module(gradient).zeros((self.n_tokens, 2), dtype=gradient.dtype)
        for i, place in enumerate(self.places):
            n = place.stop - place.start
            restored[place] = gradient[2 * i : 2 * i + 2, :n].T
        return restored


class QuerySpans(SpanFinder):
    """Finds the spans of a context that answer a query.

    A document is a query, a separator and a context, see `spacy_dice.queries.make_query_doc`. What
    is learned is which tokens of the context are the first and last ones of answers. It is trained
    as `SpanFinder` is, the query apart, or by the cross entropy of documents.

    spans_key: the key of the answers, gold and predicted. How probable each predicted one is stands
        in `doc.spans[spans_key].attrs["scores"]`.
    query_key: the key of the query with the separator; None for documents that are all context.
    separator: the token between query and context.
    decode: `"best"`, the span with the highest product of the probabilities of its ends, or
        `"all"`, each first token with the nearest last one.
    normalize: `"token"`, a logistic probability of each token, or `"document"`, a softmax over the
        tokens of the context and the separator, which stands for no answer. The model gives
        probabilities in the first case, and ends with a linear layer in the second.
    threshold: below it there is no answer. With `"document"` a probability is that of an answer
        against none: at .5 an answer is as probable as none.
    max_length: of a span, in tokens; None for any.
    RAISES: ValueError for settings that make no sense.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[Iterable[Doc], Floats2d],
        name: str = "query_spans",
        *,
        spans_key: str = "answer",
        query_key: str | None = QUERY,
        separator: str = SEPARATOR,
        decode: str = "best",
        normalize: str = "token",
        threshold: float = 0.5,
        max_length: int | None = None,
        scorer: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        owner = f"[components.{name}]"
        check_choice(owner, "decode", decode, DECODE)
        check_choice(owner, "normalize", normalize, NORMALIZE)
        if normalize == "document":
            if query_key is None:
                refuse(
                    owner,
                    'query_key must be given with normalize = "document", where the separator '
                    "stands for no answer, got null",
                )
            if layer_of(model, LINEAR) is not LINEAR:
                refuse(
                    owner,
                    'normalize = "document" needs a model that ends with a linear layer: set '
                    f'[components.{name}.model.scorer] to @layers = "Linear.v1"',
                )
        super().__init__(
            nlp,
            model,
            name,
            spans_key=spans_key,
            threshold=threshold,
            max_length=max_length,
            scorer=scorer,
        )
        self.cfg.update(
            query_key=query_key, separator=separator, decode=decode, normalize=normalize
        )
        keep_whole(nlp, separator)

    @property
    def by_document(self) -> bool:
        """Whether the probabilities of the tokens of a document sum to 1."""
        return bool(self.cfg["normalize"] == "document")

    def start_of(self, doc: Doc) -> int:
        """Where the context begins. RAISES: ValueError for a document without a query."""
        owner = f"[components.{self.name}]"
        return context_start(owner, doc, self.cfg["query_key"], self.cfg["separator"])

    def predict(self, docs: Iterable[Doc]) -> Floats2d:
        """The scores of the model, `(n_tokens, 2)`: probabilities, or logits with `"document"`.

        RAISES: ValueError for a document without a query, and one that a transformer cut off.
        """
        docs = list(docs)
        for doc in docs:
            # Finds the query of a plain text, too, which the model needs.
            self.start_of(doc)
            self.check_pieces(doc, doc._.trf_data if doc.has_extension("trf_data") else None)
        return super().predict(docs)

    def check_batch(self, examples: Sequence[Example]) -> None:
        """Refuse documents of a batch that a transformer cut off, as `predict` does.

        What it makes of them while it is trained is in the layer that listens to it alone.
        """
        for layer in self.model.walk():
            found = getattr(layer, "_outputs", None)
            for example, of_doc in zip(examples, () if found is None else found, strict=False):
                self.check_pieces(example.predicted, of_doc)

    def check_pieces(self, doc: Doc, found: Any) -> None:
        """Refuse a document that a transformer cut off, or whose separator it does not know.

        found: what it makes of the document; anything without an alignment is that of no
            transformer.
        RAISES: ValueError.
        """
        if not hasattr(found, "align") or len(found.align.lengths) != len(doc):
            return
        start = self.start_of(doc)
        owner, name = f"[components.{self.name}]", name_of(doc, self.cfg["query_key"])
        pieces = found.align.lengths
        # Blanks have no word pieces.
        words = [token.i for token in doc if not token.is_space]
        if words and not pieces[words[-1]]:
            taken = sum(1 for i in words if pieces[i])
            refuse(
                owner,
                f"the transformer took {taken} of the {len(words)} words of {name}: cut contexts "
                "by spacy_dice.queries.windows, or answer(…, window=…, stride=…)",
            )
        if start and pieces[start - 1] != 1:
            refuse(
                owner,
                f"the transformer makes {pieces[start - 1]} word pieces of the separator "
                f"{self.cfg['separator']!r} of {name}: take the one that its tokenizer knows, "
                '"</s>" for RoBERTa',
            )

    def set_annotations(self, docs: Iterable[Doc], scores: Floats2d) -> None:
        """Set the answers, the most probable first, and their scores."""
        rows = self.model.ops.to_numpy(scores)
        offset = 0
        for doc in docs:
            start = self.start_of(doc)
            found = self.decode(rows[offset : offset + len(doc)].astype("float64"), start)
            offset += len(doc)
            doc.spans[self.cfg["spans_key"]] = SpanGroup(
                doc,
                name=self.cfg["spans_key"],
                spans=[doc[first:end] for (first, end), _ in found],
                attrs={"scores": [score for _, score in found]},
            )

    def decode(self, rows: Floats, start: int) -> list[tuple[tuple[int, int], float]]:
        """The answers in a document, each with its score.

        rows: `(n_tokens, 2)`, scores of the model. start: where the context begins.
        """
        cfg = self.cfg
        edges = self._log_odds(rows, start) if self.by_document else rows[start:]
        if not len(edges):
            return []
        logs = edges if self.by_document else numpy.log(numpy.maximum(edges, LEAST))
        if cfg["decode"] == "best":
            place = best_span(logs[:, 0], logs[:, 1], cfg["max_length"])
            places = [] if place is None else [place]
        else:
            probs = _logistic(edges) if self.by_document else edges
            is_edge = probs >= cfg["threshold"]
            places = nearest_ends(is_edge[:, 0], is_edge[:, 1], cfg["max_length"])
        found = []
        for first, end in places:
            total = logs[first, 0] + logs[end - 1, 1]
            score = float(_logistic(total) if self.by_document else numpy.exp(total))
            if cfg["decode"] == "all" or score >= cfg["threshold"]:
                found.append(((start + first, start + end), score))
        return sorted(found, key=lambda one: -one[1])

    @staticmethod
    def _log_odds(rows: Floats, start: int) -> Floats:
        """Of each token against the separator."""
        return rows[start:] - rows[start - 1] if start else rows

    def update(
        self, examples: Iterable[Example], **settings: Unpack[UpdateSettings]
    ) -> dict[str, float]:
        """Learn from a batch of examples. RAISES: ValueError for gold that makes no sense."""
        examples = list(examples)
        for example in examples:
            self.check(example)
        return super().update(examples, **settings)

    def initialize(self, get_examples: GetExamples, *, nlp: Language | None = None) -> None:
        """Initialize the model. RAISES: ValueError for gold that makes no sense."""

        def checked() -> Iterable[Example]:
            for example in get_examples():
                # Without data spaCy passes three words that are no query document.
                if self.cfg["spans_key"] in example.reference.spans:
                    self.check(example)
                yield example

        super().initialize(checked, nlp=nlp)

    def check(self, example: Example) -> None:
        """Refuse an example without a query, and answers that cannot be.

        RAISES: ValueError.
        """
        self.start_of(example.predicted)
        gold, cfg = example.reference, self.cfg
        start = self.start_of(gold)
        answers = gold.spans.get(cfg["spans_key"], ())
        owner = f"[components.{self.name}]"
        for span in answers:
            if span.start < start:
                refuse(
                    owner,
                    f"the answer {span.text!r} is not in the context, but in the query of "
                    f"{name_of(gold, cfg['query_key'])}",
                )
        if cfg["decode"] == "best" and len({(span.start, span.end) for span in answers}) > 1:
            refuse(
                owner,
                f'{len(answers)} answers to one query, which decode = "best" cannot find: take '
                f'decode = "all", or leave one of them to {name_of(gold, cfg["query_key"])}',
            )

    def get_loss(self, examples: Iterable[Example], scores: Floats2d) -> tuple[float, Floats2d]:
        """The squared error of the context, or the cross entropy of documents; and the gradient."""
        examples = list(examples)
        self.check_batch(examples)
        if self.by_document:
            rows = self.document_rows(examples, scores)
            xp = get_array_module(scores)
            logs = xp.log(xp.maximum(rows.probs, LEAST))
            value = float(-(rows.targets * logs * rows.weights).sum())
            return value, rows.restore((rows.probs - rows.targets) * rows.weights)
        _, gradient = super().get_loss(examples, scores)
        gradient = gradient * self.in_context(examples)
        return float((gradient**2).sum()), gradient

    def in_context(self, examples: Sequence[Example]) -> Floats2d:
        """1 for the tokens of contexts, 0 for those of queries, `(n_tokens, 1)`."""
        mask = [numpy.zeros(0, dtype="f")]
        for example in examples:
            tokens = numpy.ones(len(example.predicted), dtype="f")
            tokens[: self.start_of(example.predicted)] = 0
            mask.append(tokens)
        return self.model.ops.asarray(numpy.concatenate(mask)[:, None])

    def document_rows(self, examples: Sequence[Example], scores: Floats2d) -> DocumentRows:
        """What is learned of documents.

        scores: `(n_tokens, 2)`, logits.
        RAISES: ValueError if they are not finite.
        """
        xp = get_array_module(scores)
        if not xp.isfinite(scores).all():
            refuse(f"[components.{self.name}]", "scores must be finite, got nan or infinity")
        _, probe = SpanFinder.get_loss(self, examples, xp.full_like(scores, PROBE))
        of_tokens, known = targets_of_probe(probe)
        if known is None:
            known = xp.ones_like(of_tokens)
        places, offset = [], 0
        for example in examples:
            n = len(example.predicted)
            if n:
                places.append(slice(offset + self.start_of(example.predicted) - 1, offset + n))
            offset += n
        width = max((place.stop - place.start for place in places), default=1)
        logits = xp.full((2 * len(places), width), -xp.inf, dtype=scores.dtype)
        targets = xp.zeros((2 * len(places), width), dtype=scores.dtype)
        weights = xp.ones((2 * len(places), 1), dtype=scores.dtype)
        for i, place in enumerate(places):
            n = place.stop - place.start
            pair = slice(2 * i, 2 * i + 2)
            logits[pair, :n] = scores[place].T
            gold = of_tokens[place].T.copy()
            gold[:, 0] = 0
            total = gold.sum(axis=1)
            # Where gold begins or ends within a token, it is not known which token is right.
            unknown = (known[place].T[:, 1:] == 0).any(axis=1)
            gold[:, 0] = total == 0
            targets[pair, :n] = gold / xp.maximum(total, 1)[:, None]
            weights[pair, 0] = 1 - (unknown & (total == 0))
        probs = xp.exp(logits - logits.max(axis=1, keepdims=True))
        probs = probs / probs.sum(axis=1, keepdims=True)
        return DocumentRows(probs, targets, weights, places, len(scores))


class DiceQuerySpans(DiceSpanFinder, QuerySpans):
    """`QuerySpans` with a loss that can be chosen.

    Arguments are those of `QuerySpans` and `loss`. With `normalize = "token"` the labels of the
    loss are `start` and `end`. With `"document"` it is a loss of choices among the tokens of a
    document, which have no names, and not as many in each: what names labels or counts over them
    cannot be used.
    """

    default_layer = LOGISTIC
    initialize = initialize_with_loss(QuerySpans.initialize)  # type: ignore[assignment]

    @classmethod
    @override
    def check_loss(cls, component: TrainablePipe, loss: AnyLoss) -> None:
        super().check_loss(component, loss)
        if component.cfg["normalize"] == "document" and needs_columns(loss):
            refuse(
                f"[components.{component.name}.loss]",
                f'with normalize = "document" a loss cannot name or count labels, got {loss}: take '
                'one without class_weights, exclude, counts, teachers and reduction = "batch"',
            )

    @override
    def bind_loss(self) -> Bound:
        """The loss, bound to `start` and `end`, or to tokens without names."""
        if self.by_document and self._bound is None:
            self._bound = bind(self.loss)
        return self._bound if self.by_document and self._bound else super().bind_loss()

    @override
    def get_loss(self, examples: Iterable[Example], scores: Floats2d) -> tuple[float, Floats2d]:
        """The loss over the whole batch, and its gradient.

        RAISES: ValueError for scores that are no probabilities, or with `"document"` not finite,
            and for a document that a transformer cut off.
        """
        examples = list(examples)
        self.check_batch(examples)
        if not self.by_document:
            return super().get_loss(examples, scores)
        self.bind_loss()
        rows = self.document_rows(examples, scores)
        value, gradient = self.evaluate_loss(Batch(rows.probs, rows.targets, rows.weights))
        return value, rows.restore(gradient)


def _logistic(odds: Floats) -> Floats:
    return numpy.exp(-numpy.logaddexp(0, -odds))
