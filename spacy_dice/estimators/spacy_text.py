"""A spaCy text categorizer as a scikit-learn classifier."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy
import spacy
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_consistent_length, check_scalar, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed, load_config, load_model_from_config, minibatch
from thinc.api import Config, registry

from .._types import JSON, Floats
from .._validation import listed, nearest
from ..callbacks import use_losses
from ..components import COMPONENTS
from ..losses import AnyLoss
from ..metrics._inputs import Columns, Targets, as_array

# A config, where it is, or its text.
Source: TypeAlias = dict[str, JSON] | Config | Path | str

# The factories that classify texts: one label for a text, and any number of labels.
_EXCLUSIVE, _MULTILABEL = (
    tuple(
        factory
        for row in COMPONENTS.values()
        if row.tally.decision == "documents" and row.tally.exclusive == exclusive
        for factory in (row.stock, row.factory)
    )
    for exclusive in (True, False)
)


class SpacyTextClassifier(ClassifierMixin, BaseEstimator):
    """spaCy's text categorizer with any registered loss: texts in, labels out.

    For searches over losses and their settings with scikit-learn's tools. A pipeline for
    production is better trained by `spacy train`; `nlp_.to_disk` saves this one, whose components
    are spaCy's own.

    config: a spaCy config with one text categorizer, as a dict, a Thinc `Config`, a path, or its
        text; only `[nlp]` and `[components]` count. None: spaCy's default `textcat`, for an
        indicator `textcat_multilabel`, for `lang`.
    loss: the name of a registered loss, e.g. `"dice.DSC.v1"`, a loss object, or None for the loss
        of the component.
    loss_params: settings of the loss that is named, e.g. ``{"ce_weight": 0.3}``.
    n_epochs, batch_size, dropout, learn_rate: of the training.
    random_state: an int, from which weights, order and dropout follow.

    classes_: `(c,)`; the indices of the columns for an indicator. nlp_: the pipeline.
    loss_curve_: the loss of each epoch.

    >>> texts, labels = ["win a prize", "see you at noon"] * 8, ["spam", "ham"] * 8
    >>> model = SpacyTextClassifier(loss="dice.DSC.v1", n_epochs=5).fit(texts, labels)
    >>> model.predict(["win a big prize", "at noon"])
    array(['spam', 'ham'], dtype='<U4')
    """

    def __init__(
        self,
        *,
        config: Source | None = None,
        lang: str = "en",
        loss: str | AnyLoss | None = None,
        loss_params: dict[str, JSON] | None = None,
        n_epochs: int = 10,
        batch_size: int = 32,
        dropout: float = 0.2,
        learn_rate: float = 0.001,
        random_state: int = 0,
    ) -> None:
        self.config = config
        self.lang = lang
        self.loss = loss
        self.loss_params = loss_params
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.learn_rate = learn_rate
        self.random_state = random_state

    def fit(self, X: Iterable[str], y: Targets) -> "SpacyTextClassifier":
        """Train on texts `X` `(n,)`, and labels `y` `(n,)` or an indicator `(n, c)`.

        RAISES: ValueError for what is not a text, bad settings, a config without a text categorizer
            that fits `y`, and `y` of a single class.
        """
        self._check_settings()
        texts = _texts(X)
        y = self._set_classes(y)
        check_consistent_length(texts, y)
        with _seeded(self.random_state):
            nlp, name = self._pipeline()
            loss = self._make_loss()
            if loss is not None:
                use_losses(nlp, {name: loss})
            examples = [
                Example.from_dict(nlp.make_doc(text), {"cats": cats})
                for text, cats in zip(texts, self._cats(y), strict=True)
            ]
            optimizer = nlp.initialize(lambda: examples)
            optimizer.learn_rate = self.learn_rate
            self.loss_curve_ = []
            for _ in range(self.n_epochs):
                losses: dict[str, float] = {}
                random.shuffle(examples)
                for batch in minibatch(examples, self.batch_size):
                    nlp.update(batch, sgd=optimizer, drop=self.dropout, losses=losses)
                self.loss_curve_.append(float(losses[name]))
        self.nlp_ = nlp
        return self

    def predict_proba(self, X: Iterable[str]) -> Floats:
        """Probabilities `(n, c)` of the classes, or of each label."""
        check_is_fitted(self, "nlp_")
        docs = self.nlp_.pipe(_texts(X))
        names = self._names()
        probs = numpy.array([[doc.cats[name] for name in names] for doc in docs], dtype=float)
        probs = probs.reshape(-1, len(names))
        # float32 sums to 1 only nearly.
        return probs if self._multilabel else probs / probs.sum(axis=1, keepdims=True)

    def predict(self, X: Iterable[str]) -> Columns:
        """The most probable classes `(n,)`, or an indicator `(n, c)` of the labels over a half."""
        probs = self.predict_proba(X)
        return (
            (probs > 0.5).astype(int) if self._multilabel else self.classes_[probs.argmax(axis=1)]
        )

    def _check_settings(self) -> None:
        for name in ("n_epochs", "batch_size"):
            check_scalar(getattr(self, name), name, Integral, min_val=1)
        check_scalar(self.dropout, "dropout", Real, min_val=0, max_val=1, include_boundaries="left")
        check_scalar(self.learn_rate, "learn_rate", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.random_state, "random_state", Integral, min_val=0)
        if self.loss_params is not None and not isinstance(self.loss, str):
            raise ValueError(
                f"loss_params={self.loss_params!r} needs the name of a loss, got loss={self.loss!r}"
            )

    def _make_loss(self) -> AnyLoss | None:
        if self.loss is None or not isinstance(self.loss, str):
            if self.loss is not None and not callable(self.loss):
                raise ValueError(f"loss must be a name or a registered loss, got {self.loss!r}")
            return deepcopy(self.loss)
        known = registry.losses.get_all()
        if self.loss not in known:
            raise ValueError(
                f"loss must be one of {listed(known)}, got {self.loss!r}{nearest(self.loss, known)}"
            )
        return known[self.loss](**(self.loss_params or {}))

    def _pipeline(self) -> tuple[Language, str]:
        """A new pipeline, and the name of its text categorizer."""
        wanted = _MULTILABEL if self._multilabel else _EXCLUSIVE
        if self.config is None:
            nlp = spacy.blank(self.lang)
            nlp.add_pipe(wanted[0])
            return nlp, wanted[0]
        config = _load(self.config)
        config = Config({key: config[key] for key in ("nlp", "components") if key in config})
        nlp = load_model_from_config(config, auto_fill=True)
        # An exclusive problem may be given to a categorizer of labels, but not the other way.
        fitting = wanted if self._multilabel else _EXCLUSIVE + _MULTILABEL
        names = [n for n in nlp.pipe_names if nlp.get_pipe_meta(n).factory in fitting]
        if len(names) != 1:
            raise ValueError(
                f"config must have one component of the factories {listed(fitting)} for "
                f"{'multilabel' if self._multilabel else 'single-label'} y, got the components "
                f"{listed(nlp.pipe_names)}"
            )
        return nlp, names[0]

    def _set_classes(self, y: Targets) -> Columns:
        check_classification_targets(y)
        self._multilabel = type_of_target(y, input_name="y") == "multilabel-indicator"
        if self._multilabel:
            y = as_array(y)
            self.classes_ = numpy.arange(y.shape[1])
            return y
        y = column_or_1d(y, warn=True)
        self.classes_ = numpy.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must have at least 2 classes, but it has only one class: "
                f"{self.classes_.tolist()[0]!r}"
            )
        return y

    def _names(self) -> list[str]:
        return [str(label) for label in self.classes_.tolist()]

    def _cats(self, y: Columns) -> Iterator[dict[str, float]]:
        table = y if self._multilabel else y[:, None] == self.classes_
        for row in table:
            yield {name: float(cell) for name, cell in zip(self._names(), row, strict=True)}

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "nlp_" not in state:
            return state
        # Pipelines are stored by spaCy's own means: pickles of their parts are not meant to last.
        nlp = state["nlp_"]
        return {**state, "nlp_": (nlp.config.to_str(), nlp.to_bytes())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "nlp_" in state:
            config, content = state["nlp_"]
            nlp = load_model_from_config(Config().from_str(config)).from_bytes(content)
            state = {**state, "nlp_": nlp}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


def _texts(X: Iterable[str]) -> list[str]:
    if isinstance(X, str):
        raise ValueError(f"X must be a list of texts, got one: {X[:40]!r}")
    texts = list(X)
    if not texts:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X must be texts, got {text!r} in row {row}")
    return [str(text) for text in texts]


def _load(config: Source) -> Config:
    if isinstance(config, dict):
        return Config(config).copy()
    if isinstance(config, Path) or "\n" not in str(config):
        return load_config(Path(config), interpolate=False)
    return Config().from_str(str(config), interpolate=False)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """spaCy and Thinc draw from global generators: seed them, and put back what was there."""
    before = random.getstate(), numpy.random.get_state()  # noqa: NPY002
    fix_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        numpy.random.set_state(before[1])  # noqa: NPY002
