"""Tune on several data sets, and record the tuned pipeline beside the stock loss.

python scripts/tune_study.py configs/tune_study.yml metrics/tune_study --jobs 2

The YAML file is that of a matrix without losses: `budget`, how many `seeds`, and data sets, each
with the score that counts. What is trained is in `training/tune_study`; called again, it goes on.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import srsly

from spacy_dice import tune
from spacy_dice._files import write_json, write_text
from spacy_dice.configs import set_settings, set_stock
from spacy_dice.experiments.markdown import table
from spacy_dice.experiments.matrix import Dataset, parse_matrix
from spacy_dice.experiments.wording import name_of_score, percent, signed
from spacy_dice.tuning import TuneResult

WORK = Path("training/tune_study")
SUMMARY = "summary.md"


def read_study(path: Path) -> tuple[Mapping[str, Dataset], str, int]:
    """The data sets of a study, its budget, and how many seeds."""
    content = srsly.read_yaml(path)
    budget, seeds = str(content.pop("budget")), int(content.pop("seeds"))
    content |= {"seeds": [0], "losses": {"CE": "dice.CE.v1"}}
    return parse_matrix(content, name=path.stem, owner=str(path)).datasets, budget, seeds


def config_of(dataset: Dataset) -> str:
    """The config of a data set with the stock component, and its length of training."""
    settings = dict(dataset.overrides or {})
    length = {"max_steps": dataset.steps or dataset.max_steps, "patience": dataset.patience or 0}
    settings |= {f"training.{key}": value for key, value in length.items()}
    text = set_stock(Path(dataset.config).read_text(encoding="utf8"), dataset.component)
    return set_settings(text, settings)


def run(dataset: Dataset, work: Path, *, budget: str, seeds: int, jobs: int) -> TuneResult:
    """Tune on a data set."""
    config = work / f"{dataset.name}.cfg"
    write_text(config, config_of(dataset))
    return tune(
        config,
        dataset.train,
        dataset.dev,
        work / dataset.name,
        test=dataset.test,
        component=dataset.component,
        metric=dataset.scores[0],
        budget=budget,
        seeds=seeds,
        jobs=jobs,
    )


def summary(results: Mapping[str, TuneResult]) -> str:
    """The table of all data sets, with the mean gains."""
    rows = []
    gains: list[Sequence[float]] = []
    for name, result in results.items():
        stock, best = result.stock, result.best
        gains.append((best.score - stock.plain, best.score - stock.score))
        rows.append(
            [
                f"{name}, {name_of_score(result.metric)}",
                percent(stock.plain),
                percent(stock.score),
                percent(best.score),
                *map(signed, gains[-1]),
                result.chosen,
                f"{sum(result.trials.values())}",
                f"{result.cost:.1f}",
            ]
        )
    means = [sum(values) / len(gains) for values in zip(*gains, strict=True)]
    rows.append(["mean", "", "", "", *map(signed, means), "", "", ""])
    header = ["data set", "stock", "stock, calibrated", "tuned", "to stock", "to calibrated stock"]
    return table([*header, "chosen", "trials", "cost, in trainings"], rows)


def main() -> None:
    """Read the options, and do it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--dataset", action="append", help="only this one; repeat it")
    parser.add_argument("--work", type=Path, default=WORK)
    options = parser.parse_args()
    datasets, budget, seeds = read_study(options.study)
    results = {}
    for name, dataset in datasets.items():
        if options.dataset and name not in options.dataset:
            continue
        result = run(dataset, options.work, budget=budget, seeds=seeds, jobs=options.jobs)
        print(result.to_text())
        write_json(options.output / f"{name}.json", result.to_dict())
        results[name] = result
    write_text(options.output / SUMMARY, summary(results))


if __name__ == "__main__":
    main()
