"""The benchmark runs, compares what it says, and writes what it prints."""

import json

import pytest
from small_dev import examples_of, off
from small_matrix import write_matrix
from spacy.tokens import DocBin

import benchmark
from spacy_dice.components import COMPONENTS
from spacy_dice.experiments.runner import Summary


def test_one_component(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(benchmark, "SHAPES", ((8, 3),))
    lines = []
    result = benchmark.benchmark(
        tmp_path, factories=["dice_senter"], repeats=2, echo=lambda line: lines.append(line)
    )
    assert list(result["steps"]) == ["dice_senter"]
    assert any(line.startswith("8 x 3, 1 thread ") for line in lines)
    for part in ("steps", "loss"):
        written = json.loads((tmp_path / f"{part}.json").read_text())
        assert written.pop("machine")["cpus"] > 0
        assert written.keys() == result[part].keys()
        for row in written.values():
            assert row["first_ms"] > 0
            assert row["quartiles"][0] <= row["ratio"] <= row["quartiles"][1]


def test_unknown_component(tmp_path):
    with pytest.raises(
        ValueError, match=r"factory must be one of .* got 'dice_tager' \(did you mean"
    ):
        benchmark.benchmark(tmp_path, factories=["dice_tager"], echo=lambda line: None)
    assert not list(tmp_path.iterdir())


def test_calibration_and_prediction(tmp_path):
    nlp = off("spancat")
    nlp.to_disk(tmp_path / "model")
    docs = [eg.reference for eg in examples_of(nlp, "spancat", start=0, count=20)]
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    arguments = ("--calibrate", str(tmp_path / "model"), str(tmp_path / "dev.spacy"))
    benchmark.main(["--output", str(tmp_path), *arguments])
    written = json.loads((tmp_path / "calibrate.json").read_text())
    assert written["documents"] == 20
    assert written["components"] == ["spancat"]
    assert written["processor_seconds"].keys() == {"pass", "calibrate"}
    arguments = ("--predict", *arguments[1:])
    benchmark.main(["--output", str(tmp_path), *arguments])
    written = json.loads((tmp_path / "predict.json").read_text())
    assert (written["documents"], written["components"]) == (20, ["spancat"])
    assert written["documents_per_second"] > 0


def test_workers(tmp_path, monkeypatch):
    asked = []

    def compare(matrix, output, *, jobs):
        asked.append((list(matrix.datasets), output.is_relative_to(tmp_path), jobs))
        return Summary(found=0, trained=4, failed={})

    monkeypatch.setattr(benchmark, "compare", compare)
    lines = []
    result = benchmark.benchmark_workers(write_matrix(tmp_path), tmp_path, echo=lines.append)
    # Somewhere else, so that nothing is recorded already.
    assert asked == [(["entities", "tags"], False, 1), (["entities", "tags"], False, 2)]
    assert json.loads((tmp_path / "workers.json").read_text()) == result
    assert result["runs"] == 4
    assert list(result["seconds"]) == ["1", "2"]
    assert len(lines) == 2


def test_workers_whose_runs_fail(tmp_path, monkeypatch):
    summary = Summary(found=0, trained=3, failed={"tags / CE / seed 0": "ValueError"})
    monkeypatch.setattr(benchmark, "compare", lambda matrix, output, *, jobs: summary)
    with pytest.raises(RuntimeError, match="runs failed, so that their time means nothing"):
        benchmark.benchmark_workers(write_matrix(tmp_path), tmp_path)
    assert not (tmp_path / "workers.json").exists()


def test_sides_are_timed_in_turn():
    calls = []
    times = iter(range(1000))
    row = benchmark.compare_times(
        lambda: calls.append(0), lambda: calls.append(1), 4, clock=lambda: next(times)
    )
    assert calls[-8:] == [1, 0, 0, 1, 1, 0, 0, 1]
    assert row == (1000.0, 1000.0, 1.0, (1.0, 1.0))


def test_examples_have_what_every_component_learns_from():
    import spacy

    made = benchmark.examples(spacy.blank("en").vocab, n_docs=3)
    assert made[0].reference.text == benchmark.examples(spacy.blank("en").vocab)[0].reference.text
    for factory in COMPONENTS:
        pipe = spacy.blank("en").add_pipe(factory)
        assert all(pipe.has_annotation(pipe, example.reference) for example in made)
