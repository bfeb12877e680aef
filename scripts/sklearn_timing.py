"""Time and memory of the metric and of the classifier, against scikit-learn's own.

python scripts/sklearn_timing.py metrics/sklearn
"""

import argparse
import platform
import time
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import scipy
import sklearn
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from spacy_dice._files import write_json
from spacy_dice.estimators import SoftF1Classifier
from spacy_dice.metrics import soft_f1_score


def time_metric(n_rows: int, repeats: int) -> list[dict[str, Any]]:
    """`soft_f1_score` of probabilities against `f1_score` of decisions; 2 % are positive."""
    rng = numpy.random.default_rng(0)
    y_true = (rng.random(n_rows) < 0.02).astype(numpy.int64)
    y_prob = rng.random(n_rows)
    y_pred = (y_prob > 0.5).astype(numpy.int64)
    size = y_true.nbytes + y_prob.nbytes
    calls = {
        f"`f1_score`, {n_rows:,} rows": lambda: f1_score(y_true, y_pred),
        f"`soft_f1_score`, {n_rows:,} rows": lambda: soft_f1_score(y_true, y_prob),
    }
    rows = _timed(calls, repeats)
    for row, call in zip(rows, calls.values(), strict=True):
        row["memory"] = f"{_peak(call) / size:.2f} x input"
    return rows


def time_fit(n_rows: int, n_features: int, repeats: int) -> list[dict[str, Any]]:
    """`fit` on sparse data, 40 entries a row, 5 % positive, C = 1 and 10."""
    rng = numpy.random.default_rng(0)
    X = sparse.random(n_rows, n_features, density=40 / n_features, format="csr", random_state=0)
    logits = X @ rng.normal(size=n_features) + rng.normal(size=n_rows)
    y = (logits > numpy.quantile(logits, 0.95)).astype(int)
    rows = []
    for C in (1.0, 10.0):
        models = {
            f"`LogisticRegression(C={C})`": LogisticRegression(C=C, max_iter=1000),
            **{
                f'`SoftF1Classifier(C={C}, loss="{loss}")`': SoftF1Classifier(C=C, loss=loss)
                for loss in ("tversky", "dice", "dsc", "focal", "ce")
            },
        }
        calls = {name: partial(model.fit, X, y) for name, model in models.items()}
        part = _timed(calls, repeats)
        for row in part:
            row["memory"] = ""
        rows += part
    return rows


def _timed(calls: Mapping[str, Callable[[], Any]], repeats: int) -> list[dict[str, Any]]:
    """The least time of each, taken in turns, and its ratio to the first."""
    seconds = {name: float("inf") for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    first = next(iter(seconds.values()))
    return [
        {"what": name, "seconds": round(s, 4), "ratio": round(s / first, 3)}
        for name, s in seconds.items()
    ]


def _peak(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write `timing.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="where the record goes")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows for the metric")
    parser.add_argument("--fit-rows", type=int, default=20_000, help="rows for the classifiers")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    versions = {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "machine": platform.machine(),
    }
    rows = time_metric(options.rows, options.repeats)
    rows += time_fit(options.fit_rows, options.fit_rows, options.repeats)
    write_json(options.output / "timing.json", {"versions": versions, "rows": rows})


if __name__ == "__main__":
    main()
