"""Linear text classifiers on real data: plain, weighted, with thresholds, and with the losses.

    python scripts/sklearn_benchmark.py assets metrics/sklearn

tunes, runs what is not recorded yet, and writes the report. Nothing is chosen on test rows: of each
data set 40 % of the rows (by a hash of the text) are development rows, never tested on. On them,
by cross-validation, the strength of the penalty is chosen for each method, and were the defaults of
`SoftF1Classifier`. Each of five splits tests on half of the other rows, stratified, and trains on
all the rest.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    train_test_split,
)

from corpora import read
from sklearn_features import FEATURES
from spacy_dice._files import write_json
from spacy_dice.estimators import F1ThresholdClassifier, SoftF1Classifier
from spacy_dice.metrics import SoftF1Scorer, get_scorers

N_SPLITS = 5
STRENGTHS = (1.0, 10.0, 100.0)

# The positive class of binary data sets; None: macro F1 over all classes.
POSITIVE: dict[str, str | None] = {
    "sms_spam": "spam",
    "em_walmart_amazon": "match",
    "trec_questions": None,
    "trec_questions_fine": None,
}

# Those that the defaults of SoftF1Classifier were chosen on: the other one has the same texts.
TUNED_ON = ("sms_spam", "em_walmart_amazon", "trec_questions")

Method = Callable[[float, str | None], Any]


def _regression(C: float, **settings: Any) -> LogisticRegression:
    return LogisticRegression(C=C, max_iter=1000, **settings)


def _tuned(C: float, positive: str | None) -> Any:
    scorer = make_scorer(f1_score, pos_label=positive)
    return TunedThresholdClassifierCV(_regression(C), scoring=scorer)


# What is compared, `(C, positive class) -> estimator`. The first is what the others are tested
# against, the second of these the baseline to beat.
METHODS: dict[str, Method] = {
    "LogisticRegression": lambda C, positive: _regression(C),
    "TunedThresholdClassifierCV": _tuned,
    "F1ThresholdClassifier": lambda C, positive: F1ThresholdClassifier(
        _regression(C), pos_label=positive
    ),
    "balanced": lambda C, positive: _regression(C, class_weight="balanced"),
    "tversky": lambda C, positive: SoftF1Classifier(C=C, pos_label=positive),
    "dice": lambda C, positive: SoftF1Classifier(C=C, pos_label=positive, loss="dice"),
    "dsc": lambda C, positive: SoftF1Classifier(C=C, pos_label=positive, loss="dsc"),
    "focal": lambda C, positive: SoftF1Classifier(C=C, pos_label=positive, loss="focal"),
}

# The settings of SoftF1Classifier among which the defaults were chosen.
CANDIDATES: list[dict[str, Any]] = [
    *(
        {"loss": loss, "ce_weight": weight}
        for loss in ("tversky", "dice", "dsc", "focal")
        for weight in (0.0, 0.1, 0.3, 1.0, 3.0)
    ),
    *({"loss": "dsc", "alpha": alpha, "ce_weight": 1.0} for alpha in (0.0, 0.3, 1.0)),
    *(
        {"loss": loss, "reduction": "example", "ce_weight": 1.0}
        for loss in ("tversky", "dice", "dsc")
    ),
]

# What GridSearchCV selects by, and among.
SELECTORS = ("accuracy", "neg_log_loss", "f1", "soft_f1")
GRID = {"C": list(STRENGTHS), "class_weight": [None, "balanced"]}


class Problem:
    """A data set: texts, labels, and which rows may be looked at while developing."""

    def __init__(self, name: str, assets: Path) -> None:
        docs = [doc for split in read(name, assets).values() for doc in split]
        self.name, self.positive = name, POSITIVE[name]
        self.texts = numpy.array([doc.text for doc in docs], dtype=object)
        self.labels = numpy.array([max(doc.cats, key=doc.cats.get) for doc in docs])
        self.development = numpy.array([_is_development(text) for text in self.texts])

    def methods(self) -> dict[str, Method]:
        """Those that the data set allows."""
        names = [name for name in METHODS if self.positive or not name.startswith("Tuned")]
        return {name: METHODS[name] for name in names}

    def score(self, y_true: Any, y_pred: Any) -> float:
        """F1 of the positive class, or macro F1, in percent."""
        if self.positive is None:
            return 100 * float(f1_score(y_true, y_pred, average="macro"))
        return 100 * float(f1_score(y_true, y_pred, pos_label=self.positive))

    def folds(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Features and labels of three folds of the development rows."""
        (rows,) = self.development.nonzero()
        cv = StratifiedKFold(3, shuffle=True, random_state=0)
        for train, test in cv.split(rows, self.labels[rows]):
            yield self._features(rows[train], rows[test])

    def split(self, seed: int) -> tuple[Any, Any, Any, Any]:
        """Features and labels to train and to test on."""
        (rows,) = (~self.development).nonzero()
        labels, counts = numpy.unique(self.labels[rows], return_counts=True)
        # A class with one row cannot be stratified: it is trained on.
        rows = rows[~numpy.isin(self.labels[rows], labels[counts < 2])]
        _, test = train_test_split(
            rows, test_size=0.5, stratify=self.labels[rows], random_state=seed
        )
        train = numpy.setdiff1d(numpy.arange(len(self.texts)), test)
        return self._features(train, test)

    def _features(self, train: Any, test: Any) -> tuple[Any, Any, Any, Any]:
        features = clone(FEATURES[self.name]).fit(self.texts[train])
        return (
            features.transform(self.texts[train]),
            self.labels[train],
            features.transform(self.texts[test]),
            self.labels[test],
        )


def _is_development(text: str) -> bool:
    return int(sha256(text.encode()).hexdigest()[:8], 16) / 16**8 < 0.4


def tune(problem: Problem) -> dict[str, Any]:
    """Cross-validated scores on the development rows: of methods, and of settings, by C."""
    with _quiet():
        folds = list(problem.folds())
        methods = {
            name: _curve(problem, folds, partial(_make, make, problem))
            for name, make in problem.methods().items()
        }
        settings = [
            {
                "settings": given,
                "scores": _curve(problem, folds, partial(_soft_f1, given, problem)),
            }
            for given in (CANDIDATES if problem.name in TUNED_ON else [])
        ]
    return {
        "dataset": problem.name,
        "n_rows": int(problem.development.sum()),
        "methods": methods,
        "settings": settings,
    }


def _make(method: Method, problem: Problem, C: float) -> Any:
    return method(C, problem.positive)


def _soft_f1(settings: dict[str, Any], problem: Problem, C: float) -> Any:
    return SoftF1Classifier(C=C, pos_label=problem.positive, **settings)


def _curve(problem: Problem, folds: list[Any], make: Callable[[float], Any]) -> dict[str, float]:
    """The mean score over the folds for each C."""
    curve = {}
    for C in STRENGTHS:
        scores = [
            problem.score(y_test, make(C).fit(X, y).predict(X_test))
            for X, y, X_test, y_test in folds
        ]
        curve[str(C)] = round(float(numpy.mean(scores)), 4)
    return curve


def run(problem: Problem, seed: int, tuned: dict[str, Any]) -> dict[str, Any]:
    """One split: all methods with C = 1 and with the tuned C, and what each selector selects."""
    X, y, X_test, y_test = problem.split(seed)
    results = {}
    with _quiet():
        for name, make in problem.methods().items():
            scores = tuned["methods"][name]
            best = float(max(scores, key=scores.get))
            by_strength = {}
            for C in {1.0, best}:
                model = make(C, problem.positive).fit(X, y)
                score = problem.score(y_test, model.predict(X_test))
                by_strength[C] = {"C": C, "f1": round(score, 4)}
            results[name] = {"default": by_strength[1.0], "tuned": by_strength[best]}
        selected = select(problem, X, y, X_test, y_test)
    return {
        "dataset": problem.name,
        "seed": seed,
        "n_train": len(y),
        "n_test": len(y_test),
        "methods": results,
        "selected": selected,
    }


def select(problem: Problem, X: Any, y: Any, X_test: Any, y_test: Any) -> dict[str, Any]:
    """What GridSearchCV selects by each metric among regressions, and its F1 on the test rows."""
    average = "" if problem.positive else "_macro"
    scoring = get_scorers(["accuracy", "neg_log_loss", f"soft_f1{average}"])
    if problem.positive:
        scoring["soft_f1"] = SoftF1Scorer(pos_label=problem.positive)
    scoring["f1"] = (
        make_scorer(f1_score, pos_label=problem.positive)
        if problem.positive
        else make_scorer(f1_score, average="macro")
    )
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(_regression(1.0), GRID, scoring=scoring, refit=False, cv=cv).fit(X, y)
    found, scores = {}, {}
    for selector in SELECTORS:
        key = f"soft_f1{average}" if selector == "soft_f1" else selector
        params = search.cv_results_["params"][search.cv_results_[f"mean_test_{key}"].argmax()]
        name = json.dumps(params)
        if name not in scores:
            model = _regression(**params).fit(X, y)
            scores[name] = round(problem.score(y_test, model.predict(X_test)), 4)
        found[selector] = {**params, "f1": scores[name]}
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Rare classes have fewer rows than folds; and what does not converge is scored as it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def main(arguments: list[str] | None = None) -> None:
    """Tune, run and report; what is recorded already is not done again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assets", type=Path, help="where the data sets are")
    parser.add_argument("output", type=Path, help="where the records and the report go")
    options = parser.parse_args(arguments)
    for name in POSITIVE:
        paths = {seed: options.output / name / f"{seed}.json" for seed in range(N_SPLITS)}
        tuning = options.output / name / "tuning.json"
        if tuning.is_file() and all(path.is_file() for path in paths.values()):
            continue
        problem = Problem(name, options.assets)
        if not tuning.is_file():
            write_json(tuning, tune(problem))
            print(f"{name}: tuned", flush=True)
        tuned = json.loads(tuning.read_text(encoding="utf8"))
        for seed, path in paths.items():
            if not path.is_file():
                write_json(path, run(problem, seed, tuned))
                print(f"{name}: split {seed}", flush=True)
    from sklearn_report import write_report

    write_report(options.output)


if __name__ == "__main__":
    main()
