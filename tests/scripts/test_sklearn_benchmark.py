"""The scikit-learn benchmark: what it may look at, its test, its records and its report."""

import json
from pathlib import Path

import numpy
import pytest
from scipy.stats import ttest_rel

import sklearn_benchmark
import sklearn_report
import sklearn_timing
from sklearn_benchmark import METHODS, Problem, run, tune

RECORDS = Path(__file__).parents[2] / "metrics" / "sklearn"


def small_problem(name, classes):
    rng = numpy.random.default_rng(0)
    problem = object.__new__(Problem)
    problem.name, problem.positive = name, sklearn_benchmark.POSITIVE[name]
    codes = (rng.random(300)[:, None] > [0.8, 0.95][: len(classes) - 1]).sum(axis=1)
    words = [f"{classes[c]}{rng.integers(4)} w{rng.integers(9)} w{rng.integers(9)}" for c in codes]
    problem.texts = numpy.array([f"{word} {i}" for i, word in enumerate(words)], dtype=object)
    problem.labels = numpy.array(classes)[codes]
    problem.development = numpy.array(
        [sklearn_benchmark._is_development(text) for text in problem.texts]
    )
    return problem


@pytest.fixture
def binary():
    return small_problem("sms_spam", ["ham", "spam"])


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(sklearn_benchmark, "STRENGTHS", (1.0, 10.0))
    monkeypatch.setattr(sklearn_benchmark, "GRID", {"C": [1.0], "class_weight": [None, "balanced"]})
    # scikit-learn's takes a second for each fit.
    slow = "TunedThresholdClassifierCV"
    monkeypatch.setitem(METHODS, slow, METHODS["F1ThresholdClassifier"])
    monkeypatch.setattr(sklearn_benchmark, "CANDIDATES", [{"loss": "tversky", "ce_weight": 1.0}])


def test_development_rows_are_never_tested_on(binary, monkeypatch):
    seen = []
    monkeypatch.setattr(Problem, "_features", lambda self, train, test: seen.append((train, test)))
    for seed in range(3):
        binary.split(seed)
    list(binary.folds())
    splits, folds = seen[:3], seen[3:]
    assert 90 < binary.development.sum() < 150
    for train, test in splits:
        assert not binary.development[test].any()
        assert sorted([*train, *test]) == list(range(300))
    assert len({tuple(test) for _, test in splits}) == 3
    for train, test in folds:
        assert binary.development[train].all()
        assert binary.development[test].all()


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("name", "classes"), [("sms_spam", ["ham", "spam"]), ("trec_questions", ["A", "B", "C"])]
)
def test_records_and_report(tmp_path, name, classes):
    problem = small_problem(name, classes)
    tuned = tune(problem)
    for seed in range(2):
        record = run(problem, seed, tuned)
        assert set(record["methods"]) == set(METHODS) - (
            set() if problem.positive else {"TunedThresholdClassifierCV"}
        )
        for scores in record["methods"].values():
            assert 0 <= scores["default"]["f1"] <= 100
            assert scores["tuned"]["C"] in (1.0, 10.0)
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{seed}.json").write_text(json.dumps(record), encoding="utf8")
    (tmp_path / name / "tuning.json").write_text(json.dumps(tuned), encoding="utf8")
    sklearn_report.write_report(tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf8")
    plot = (tmp_path / "f1.svg").read_bytes()
    assert f"## {name}" in report
    sklearn_report.write_report(tmp_path)
    assert (tmp_path / "report.md").read_text(encoding="utf8") == report
    assert (tmp_path / "f1.svg").read_bytes() == plot


def test_without_overlap_the_test_is_the_paired_t_test():
    a, b = [3.0, 4.0, 6.0, 5.0], [1.0, 4.5, 3.0, 2.0]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    mean, half, p = sklearn_report.paired_test(differences, n_train=1, n_test=0)
    theirs = ttest_rel(a, b)
    interval = theirs.confidence_interval()
    assert p == pytest.approx(theirs.pvalue)
    assert (mean - half, mean + half) == pytest.approx((interval.low, interval.high))
    wider = sklearn_report.paired_test(differences, n_train=70, n_test=30)
    assert wider[1] > half
    assert wider[2] > p
    assert sklearn_report.paired_test([0.0, 0.0], 7, 3) == (0, 0, 1)


def test_what_is_recorded_is_not_run_again_and_the_report_is_that_of_the_records(tmp_path):
    for path in RECORDS.rglob("*.json"):
        copy = tmp_path / path.relative_to(RECORDS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    # There are no data sets where it looks for them: it would fail if it ran anything.
    sklearn_benchmark.main([str(tmp_path / "nothing"), str(tmp_path)])
    report = (RECORDS / "report.md").read_text(encoding="utf8")
    assert (tmp_path / "report.md").read_text(encoding="utf8") == report


def test_the_table_in_the_documentation_is_that_of_the_records():
    page = RECORDS.parents[1].joinpath("docs/scikit-learn.md").read_text(encoding="utf8")
    _, _, rest = page.partition("<!-- sklearn-report -->\n")
    expected = sklearn_report.summary_table(sklearn_report.read_runs(RECORDS))
    assert rest.partition("<!-- /sklearn-report -->")[0].strip() == expected


def test_timing(tmp_path):
    sklearn_timing.main([str(tmp_path), "--rows", "1000", "--fit-rows", "200", "--repeats", "1"])
    record = json.loads((tmp_path / "timing.json").read_text(encoding="utf8"))
    assert len(record["rows"]) == 14
    assert all(row["seconds"] > 0 for row in record["rows"])
    assert "soft_f1_score" in sklearn_report.timing_table(tmp_path)
