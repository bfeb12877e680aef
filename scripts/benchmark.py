"""How fast it is: training steps beside those of the stock components, the loss beside autograd.

Both sides of a comparison run in turn in one process, and what is compared is each pair: what else
the machine does at a time slows both. Where one thread does the work, the time is that of the
processor, which does not count what other processes take.

    python scripts/benchmark.py --output metrics/benchmark
    python scripts/benchmark.py --output metrics/benchmark --calibrate MODEL DEV
    python scripts/benchmark.py --output metrics/benchmark --predict MODEL DOCUMENTS
"""

import argparse
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example
from spacy.vocab import Vocab
from thinc.api import Adam, fix_random_seed

from spacy_dice import functional
from spacy_dice._files import write_json
from spacy_dice._types import JSON
from spacy_dice._validation import check_choice
from spacy_dice.calibration import calibrate
from spacy_dice.components import COMPONENTS
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.runner import compare

SHAPES = ((512, 9), (4096, 20), (4096, 64))
STEP_AIM, LOSS_AIM = 1.03, 3.0
_WARM_UP = 5


class Comparison(NamedTuple):
    """Milliseconds of two sides, medians, and the quartiles of second / first over the pairs."""

    first_ms: float
    second_ms: float
    ratio: float
    quartiles: tuple[float, float]


def compare_times(
    first: Callable[[], Any],
    second: Callable[[], Any],
    repeats: int,
    clock: Callable[[], float] = process_time,
    prepare: Callable[[int], Any] = int,
) -> Comparison:
    """Time two functions in turn; which one begins changes from pair to pair.

    prepare: called with the number of the pair before each of both.
    """
    for _ in range(_WARM_UP):
        first()
        second()
    times = numpy.empty((repeats, 2))
    for i in range(repeats):
        for side in (0, 1) if i % 2 else (1, 0):
            prepare(i)
            start = clock()
            (first, second)[side]()
            times[i, side] = clock() - start
    medians = _rounded(1e3 * numpy.median(times, axis=0))
    low, ratio, high = _rounded(numpy.percentile(times[:, 1] / times[:, 0], [25, 50, 75]))
    return Comparison(medians[0], medians[1], ratio, (low, high))


def examples(vocab: Vocab, *, n_docs: int = 25, n_words: int = 20, seed: int = 0) -> list[Example]:
    """Made-up documents with every annotation: 50 tags, 4 types of entities, words as in Zipf."""
    rng = numpy.random.default_rng(seed)
    made = []
    for _ in range(n_docs):
        numbers = rng.zipf(1.3, n_words) % 5000
        words = [f"w{number}" for number in numbers]
        tags = [f"T{number % 50}" for number in numbers]
        entities = ["O"] * n_words
        entities[int(rng.integers(n_words))] = f"B-{'ABCD'[rng.integers(4)]}"
        gold = Doc(
            vocab,
            words=words,
            tags=tags,
            pos=["NOUN" if number % 2 else "VERB" for number in numbers],
            morphs=[f"Case={tag}" for tag in tags],
            lemmas=[word[: 1 + number % 2] for word, number in zip(words, numbers, strict=True)],
            heads=[min(i + 1, n_words - 1) for i in range(n_words)],
            deps=[*(f"d{number % 20}" for number in numbers[1:]), "ROOT"],
            ents=entities,
        )
        label = "ABCD"[rng.integers(4)]
        gold.cats = {name: float(name == label) for name in "ABCD"}
        gold.spans["sc"] = [Span(gold, 3, 5, label=label)]
        predicted = Doc(vocab, words=words)
        gold.spans["answer"] = [gold[3:5]]
        for doc in (gold, predicted):
            doc.spans["query"] = [doc[:3]]
        made.append(Example(predicted, gold))
    return made


def time_step(factory: str, repeats: int = 40) -> Comparison:
    """A training step of the stock component and of ours with DSC, both with default settings.

    Both have the same weights, those of a stock component that was trained a little, and keep them
    (the learning rate is 0): parser and NER take as many transitions on both sides.

    factory: a key of `COMPONENTS`.
    """
    check_choice("benchmark", "factory", factory, COMPONENTS)
    stock, ours = _pipeline(COMPONENTS[factory].stock), _pipeline(factory)
    batch = examples(stock.vocab)
    optimizer = Adam(0.001)
    for _ in range(_WARM_UP):
        stock.update(batch, sgd=optimizer, drop=0.1)
    ours.components[0][1].model.from_bytes(stock.components[0][1].model.to_bytes())

    def step_of(nlp: Language) -> Callable[[], Any]:
        batch, still = examples(nlp.vocab), Adam(0.0)
        return lambda: nlp.update(batch, sgd=still, drop=0.1)

    # The same dropout on both sides, and documents cut at the same places.
    return compare_times(step_of(stock), step_of(ours), repeats, prepare=fix_random_seed)


def _pipeline(factory: str) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    # Rare labels of dependencies are left out by default, and these are all rare.
    config = {"min_action_freq": 1} if factory.endswith("parser") else {}
    nlp.add_pipe(factory, config=config)
    nlp.initialize(lambda: examples(nlp.vocab))
    return nlp


def time_loss(shape: tuple[int, int], threads: int, repeats: int = 200) -> Comparison:
    """DSC by itself and the same formula in torch, float32: value, and gradient by the logits.

    Both are given the probabilities, as a loss is in a component.

    threads: those that torch may use; NumPy uses one.
    RAISES: ModuleNotFoundError without torch.
    """
    import torch

    torch.set_num_threads(threads)
    rng = numpy.random.default_rng(0)
    logits = torch.tensor(2 * rng.normal(size=shape), dtype=torch.float32, requires_grad=True)
    gold = numpy.eye(shape[1], dtype="f")[rng.integers(0, shape[1], shape[0])]
    gold_of_torch = torch.tensor(gold)
    probs_of_torch = torch.softmax(logits, 1)
    probs = probs_of_torch.detach().numpy()

    def ours() -> Any:
        return functional.self_adjusting_dice(probs, gold, alpha=1.0, smooth=1.0)

    def autograd() -> Any:
        logits.grad = None
        u = (1 - probs_of_torch) * probs_of_torch
        loss = (1 - (2 * u * gold_of_torch + 1) / (u + gold_of_torch + 1)).sum()
        loss.backward(retain_graph=True)
        return loss.item(), logits.grad

    (value, gradient), (torch_value, torch_gradient) = ours(), autograd()
    numpy.testing.assert_allclose(value, torch_value, rtol=1e-4)
    numpy.testing.assert_allclose(gradient, torch_gradient.numpy(), atol=1e-6)
    return compare_times(ours, autograd, repeats, process_time if threads == 1 else perf_counter)


def machine() -> dict[str, Any]:
    """What the times depend on."""
    packages = ("spacy", "thinc", "numpy")
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def benchmark(
    output: Path | None = None,
    *,
    factories: Sequence[str] = (),
    repeats: int = 40,
    echo: Callable[[str], Any] = print,
) -> dict[str, Any]:
    """Time everything, print a table, and write `steps.json` and `loss.json` into `output`.

    factories: keys of `COMPONENTS`; all by default.
    repeats: pairs of steps for each component; the loss is timed five times as often.
    RAISES: ValueError for unknown factories.
    """
    for factory in factories:
        check_choice("benchmark", "factory", factory, COMPONENTS)
    echo(f"Training step with DSC beside the stock component, {repeats} pairs (aim <= {STEP_AIM})")
    echo(f"{'':26}{'stock ms':>10}{'dice ms':>10}{'ratio':>8}   quartiles")
    steps = {}
    for factory in factories or COMPONENTS:
        steps[factory] = time_step(factory, repeats)
        echo(_line(factory, steps[factory]))
    losses: dict[str, Comparison] = {}
    echo(f"\nDSC, value and gradient, beside torch autograd (aim >= {LOSS_AIM})")
    echo(f"{'':26}{'ours ms':>10}{'torch ms':>10}{'ratio':>8}   quartiles")
    try:
        for name, shape, threads in _cases():
            losses[name] = time_loss(shape, threads, 5 * repeats)
            echo(_line(name, losses[name]))
    except ModuleNotFoundError:
        echo("torch is not installed")
    result: dict[str, dict[str, JSON]] = {
        "steps": {name: row._asdict() for name, row in steps.items()},
        "loss": {name: row._asdict() for name, row in losses.items()},
    }
    if output is not None:
        for part, rows in result.items():
            if rows:
                write_json(output / f"{part}.json", {"machine": machine(), **rows})
    return result


def benchmark_workers(
    matrix: Path,
    output: Path | None = None,
    *,
    jobs: Sequence[int] = (1, 2),
    echo: Callable[[str], Any] = print,
) -> dict[str, Any]:
    """Train a whole matrix with each number of worker processes, and compare the wall time.

    matrix: the YAML file; output: a folder for the result, `workers.json`.
    RAISES: ValueError and FileNotFoundError for a matrix that is not valid; RuntimeError for runs
        that failed.
    """
    whole = read_matrix(matrix)
    seconds: dict[int, float] = {}
    for count in jobs:
        with TemporaryDirectory(prefix="spacy-dice-") as folder:
            start = perf_counter()
            summary = compare(whole, Path(folder, "runs"), jobs=count)
            seconds[count] = perf_counter() - start
        if summary.failed:
            raise RuntimeError(f"{matrix}: runs failed, so that their time means nothing")
        echo(
            f"{matrix}, {summary.trained} runs, {count} worker{'s' * (count > 1)}: "
            f"{seconds[count]:.0f} s, {seconds[count] / seconds[jobs[0]]:.2f} of the first"
        )
    result: dict[str, JSON] = {
        "machine": machine(),
        "matrix": matrix.name,
        "runs": summary.trained,
        "seconds": {str(count): round(time, 1) for count, time in seconds.items()},
        "ratio": round(seconds[jobs[-1]] / seconds[jobs[0]], 3),
    }
    if output is not None:
        write_json(output / "workers.json", result)
    return result


def benchmark_calibration(
    model: str, data: Path, output: Path | None = None, *, documents: int = 1000
) -> dict[str, JSON]:
    """Time the calibration of a pipeline's only component beside one pass over the same documents.

    model: a trained pipeline. data: a `.spacy` file or a folder of such, as the dev set.
    output: a folder for the result, `calibrate.json`. documents: at most so many.
    """
    nlp = spacy.load(model)
    examples = list(islice(Corpus(data)(nlp), documents))
    seconds = {}
    for name, call in (
        ("pass", lambda: list(nlp.pipe(eg.predicted.copy() for eg in examples))),
        ("calibrate", lambda: calibrate(nlp, examples)),
    ):
        start = process_time()
        call()
        seconds[name] = round(process_time() - start, 2)
    result: dict[str, JSON] = {
        "machine": machine(),
        "components": list(nlp.pipe_names),
        "documents": len(examples),
        "tokens": sum(len(eg.predicted) for eg in examples),
        "processor_seconds": {**seconds},
    }
    print(result)
    if output is not None:
        write_json(output / "calibrate.json", result)
    return result


def benchmark_prediction(
    model: str, data: Path, output: Path | None = None, *, documents: int = 1000
) -> dict[str, JSON]:
    """Time how many documents a pipeline annotates in a second of the processor.

    model: a trained pipeline. data: a `.spacy` file or a folder of such.
    output: a folder for the result, `predict.json`. documents: at most so many.
    """
    nlp = spacy.load(model)
    docs = [eg.predicted for eg in islice(Corpus(data)(nlp), documents)]
    start = process_time()
    for _ in nlp.pipe(docs):
        pass
    seconds = process_time() - start
    result: dict[str, JSON] = {
        "machine": machine(),
        "components": list(nlp.pipe_names),
        "documents": len(docs),
        "tokens_of_a_document": round(sum(map(len, docs)) / len(docs), 1),
        "documents_per_second": round(len(docs) / seconds, 1),
    }
    print(result)
    if output is not None:
        write_json(output / "predict.json", result)
    return result


def _cases() -> Iterable[tuple[str, tuple[int, int], int]]:
    for shape in SHAPES:
        for threads in sorted({1, os.cpu_count() or 1}):
            yield f"{shape[0]} x {shape[1]}, {threads} thread{'s' * (threads > 1)}", shape, threads


def _line(name: str, row: Comparison) -> str:
    low, high = row.quartiles
    return (
        f"{name:26}{row.first_ms:10.3f}{row.second_ms:10.3f}{row.ratio:8.3f}   {low:.3f} {high:.3f}"
    )


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [round(float(number), 4) for number in numbers]


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="folder for the measurements")
    parser.add_argument("--factory", action="append", default=[], help="only this one; repeat it")
    parser.add_argument("--repeats", type=int, default=40, help="pairs of steps for each")
    parser.add_argument(
        "--workers", type=Path, help="instead, time this matrix with one worker and with two"
    )
    parser.add_argument(
        "--calibrate",
        nargs=2,
        metavar=("MODEL", "DEV"),
        help="instead, time the calibration of a pipeline on 1,000 documents",
    )
    parser.add_argument(
        "--predict",
        nargs=2,
        metavar=("MODEL", "DOCUMENTS"),
        help="instead, time a pipeline on 1,000 documents",
    )
    options = parser.parse_args(arguments)
    if options.calibrate is not None:
        benchmark_calibration(options.calibrate[0], Path(options.calibrate[1]), options.output)
    elif options.predict is not None:
        benchmark_prediction(options.predict[0], Path(options.predict[1]), options.output)
    elif options.workers is not None:
        benchmark_workers(options.workers, options.output)
    else:
        benchmark(options.output, factories=options.factory, repeats=options.repeats)


if __name__ == "__main__":
    main()
