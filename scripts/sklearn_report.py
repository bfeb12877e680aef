"""Tables and the plot of the recorded runs of `sklearn_benchmark`."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy
from scipy.stats import t as student

from spacy_dice._files import write_text

REPORT, PLOT = "report.md", "f1.svg"

# What else than "LogisticRegression" the others are tested against: the first that was run.
_TUNED = ("TunedThresholdClassifierCV", "F1ThresholdClassifier")

_NAMES = {
    "balanced": '`LogisticRegression(class_weight="balanced")`',
    "tversky": "`SoftF1Classifier()`, that is `tversky`",
    **{loss: f'`SoftF1Classifier(loss="{loss}")`' for loss in ("dice", "dsc", "focal")},
}


def paired_test(
    differences: Sequence[float], n_train: int, n_test: int
) -> tuple[float, float, float]:
    """Mean of paired differences over repeated splits, half of its 95 % interval, and p.

    The corrected resampled t-test: training sets of repeated splits overlap, so that the variance
    of the mean is taken for ``(1/J + n_test/n_train) s^2`` and not for ``s^2/J``.

    Source: Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.

    >>> paired_test([1.0, 2.0, 3.0], n_train=700, n_test=300)
    (2.0, 3.75..., 0.149...)
    """
    n = len(differences)
    mean = float(numpy.mean(differences))
    error = float(numpy.std(differences, ddof=1)) * (1 / n + n_test / n_train) ** 0.5
    if error == 0:
        return mean, 0.0, 1.0 if mean == 0 else 0.0
    half = float(student.ppf(0.975, n - 1)) * error
    return mean, half, float(2 * student.sf(abs(mean) / error, n - 1))


def read_runs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The recorded splits by data set."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*/[0-9]*.json")):
        run = json.loads(path.read_text(encoding="utf8"))
        runs.setdefault(run["dataset"], []).append(run)
    return runs


def methods_table(runs: list[dict[str, Any]], strength: str) -> str:
    """F1 of each method, and its difference to plain and to tuned regression.

    strength: `"default"` (C = 1) or `"tuned"`.
    """
    scores = _scores(runs, strength)
    tuned = next(name for name in _TUNED if name in scores)
    rows = []
    for name, values in scores.items():
        rows.append(
            [
                _NAMES.get(name, f"`{name}`"),
                f"{numpy.mean(values):.2f}",
                _difference(runs, values, scores["LogisticRegression"]),
                _difference(runs, values, scores[tuned]),
            ]
        )
    head = ["", "F1", "to LogisticRegression", f"to {tuned}"]
    return table(head, rows)


def summary_table(runs: dict[str, list[dict[str, Any]]]) -> str:
    """F1 by data set: plain regression, tuned thresholds and SoftF1Classifier, for both C."""
    names = ("LogisticRegression", "tuned threshold", "SoftF1Classifier")
    rows = []
    for dataset, of_dataset in runs.items():
        row = [dataset]
        for strength in ("default", "tuned"):
            scores = _scores(of_dataset, strength)
            threshold = next(name for name in _TUNED if name in scores)
            chosen = (scores["LogisticRegression"], scores[threshold], scores["tversky"])
            row += [f"{numpy.mean(values):.2f}" for values in chosen]
            row.append(_difference(of_dataset, chosen[2], chosen[0]))
        rows.append(row)
    head = [f"{name}, {C}" for C in ("C = 1", "C chosen") for name in (*names, "difference")]
    return table(["F1, %", *head], rows)


def selection_table(runs: dict[str, list[dict[str, Any]]]) -> str:
    """F1 of the regression that GridSearchCV selects by each metric, by data set."""
    selectors = list(next(iter(runs.values()))[0]["selected"])
    rows = []
    for dataset, of_dataset in runs.items():
        scores = {
            selector: [run["selected"][selector]["f1"] for run in of_dataset]
            for selector in selectors
        }
        means = [f"{numpy.mean(scores[selector]):.2f}" for selector in selectors]
        rows.append(
            [dataset, *means, *(
                _difference(of_dataset, scores["soft_f1"], scores[other])
                for other in selectors if other != "soft_f1"
            )]
        )  # fmt: skip
    others = [f"soft_f1 to {other}" for other in selectors if other != "soft_f1"]
    return table(["", *selectors, *others], rows)


def settings_table(folder: Path) -> str:
    """Cross-validated F1 on development rows: the mean over C, by data set and settings."""
    tuned = [json.loads(path.read_text(encoding="utf8")) for path in _tunings(folder)]
    tuned = [record for record in tuned if record["settings"]]
    rows = []
    for parts in zip(*(record["settings"] for record in tuned), strict=True):
        means = [float(numpy.mean(list(part["scores"].values()))) for part in parts]
        settings = ", ".join(f"{key}={value!r}" for key, value in parts[0]["settings"].items())
        rows.append((numpy.mean(means), [f"`{settings}`", *(f"{m:.2f}" for m in means)]))
    rows.sort(key=lambda row: -row[0])
    head = ["settings of `SoftF1Classifier`", *(record["dataset"] for record in tuned), "mean"]
    return table(head, [[*cells, f"{mean:.2f}"] for mean, cells in rows])


def timing_table(folder: Path) -> str:
    """What `sklearn_timing` has recorded."""
    record = json.loads((folder / "timing.json").read_text(encoding="utf8"))
    rows = [
        [row["what"], f"{row['seconds']:.3f}", f"{row['ratio']:.2f}", row["memory"]]
        for row in record["rows"]
    ]
    return table(["", "seconds", "ratio", "memory beyond the input"], rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, numbers to the right."""
    head = list(head)
    lines = [head, [":--", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write_report(folder: Path) -> None:
    """Write `report.md` and `f1.svg` from the records in `folder`."""
    runs = read_runs(folder)
    parts = [
        "# scikit-learn benchmark",
        "Generated by `python scripts/sklearn_benchmark.py assets metrics/sklearn` "
        "from the JSON files beside it: what is compared and how is said there. F1 of the positive "
        "class, or macro F1, in percent on test rows: means over five stratified splits. "
        "Differences are paired, with 95 % intervals and p of the corrected resampled t-test.",
        "In short, with the tuned threshold of TunedThresholdClassifierCV for binary targets and "
        "of F1ThresholdClassifier for others, and the difference of SoftF1Classifier to "
        "LogisticRegression. With C = 1 a part of that difference is the penalty: the objective "
        "``C (L + 3 CE)`` has cross entropy three times.",
        summary_table(runs),
        f"![F1 by data set and method]({PLOT})",
    ]
    for dataset, of_dataset in runs.items():
        first = of_dataset[0]
        parts += [
            f"## {dataset}",
            f"{first['n_train']} rows to train on, {first['n_test']} to test on.",
            "With C = 1, the default:",
            methods_table(of_dataset, "default"),
            "With C chosen for each method on development rows:",
            methods_table(of_dataset, "tuned"),
        ]
    parts += [
        "## Selecting by soft F1",
        "F1 of the `LogisticRegression` whose C and class_weight GridSearchCV selects.",
        selection_table(runs),
        "## The defaults of SoftF1Classifier",
        "Cross-validated F1 on development rows, which are no test rows: means over C = 1, 10, "
        "100. `reduction` is `batch` where it is not named.",
        settings_table(folder),
    ]
    if (folder / "timing.json").is_file():
        parts += ["## Time", timing_table(folder)]
    write_text(folder / REPORT, "\n\n".join(parts) + "\n")
    _plot(runs, folder / PLOT)


def _tunings(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/tuning.json"))


def _scores(runs: list[dict[str, Any]], strength: str) -> dict[str, list[float]]:
    names = runs[0]["methods"]
    return {name: [run["methods"][name][strength]["f1"] for run in runs] for name in names}


def _difference(runs: list[dict[str, Any]], values: list[float], others: list[float]) -> str:
    if values is others:
        return ""
    differences = [value - other for value, other in zip(values, others, strict=True)]
    mean, half, p = paired_test(differences, runs[0]["n_train"], runs[0]["n_test"])
    return f"{mean:+.2f} ± {half:.2f} (p {'< .001' if p < 0.0005 else f'{p:.3f}'})"


def _plot(runs: dict[str, list[dict[str, Any]]], path: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    # The same bytes for the same records.
    with matplotlib.rc_context(
        {"svg.hashsalt": "spacy-dice", "svg.fonttype": "none", "font.size": 8}
    ):
        figure = Figure(figsize=(3 * len(runs), 3), layout="constrained")
        axes = figure.subplots(1, len(runs), squeeze=False)[0]
        for axis, (dataset, of_dataset) in zip(axes, runs.items(), strict=True):
            for strength, marker in (("default", "o"), ("tuned", "D")):
                scores = _scores(of_dataset, strength)
                for row, values in enumerate(scores.values()):
                    axis.plot(values, [row] * len(values), marker, color="0.7", ms=2.5)
                    filled = "white" if strength == "default" else "black"
                    axis.plot(numpy.mean(values), row, marker, color="black", mfc=filled, ms=5)
            axis.set_yticks(range(len(scores)), list(scores))
            axis.invert_yaxis()
            axis.set_title(dataset)
        figure.supxlabel("F1, %: each split, and the mean; circles C = 1, diamonds C chosen")
        figure.savefig(path, metadata={"Date": None})
