"""The tables of docs/pytorch.md are those of the recorded runs."""

import json
import statistics
from pathlib import Path

import srsly
from thinc.api import Config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pytorch.md").read_text(encoding="utf8")
TEXT = " ".join(PAGE.split())  # without the line breaks
SPEED = json.loads((ROOT / "metrics/torch/benchmark.json").read_text(encoding="utf8"))
WNUT17 = json.loads((ROOT / "metrics/torch/wnut17.json").read_text(encoding="utf8"))


def spread(values):
    """Scores in %, their mean and standard deviation."""
    values = [100 * value for value in values]
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def test_costs_are_the_recorded_ones():
    for name, rows in SPEED["losses"].items():
        assert [row["shape"] for row in rows] == [[512, 9], [4096, 20], [4096, 64]]
        speeds = [f"{row['autograd']['speed_of_ours']:.2f}" for row in rows]
        memory = [f"{row['ours']['kibibytes'] / row['autograd']['kibibytes']:.1f}" for row in rows]
        assert f"| `{name}` | {' | '.join(speeds + memory)} |\n" in PAGE
    published = [row["published"]["speed_of_ours"] for row in SPEED["losses"]["DSCLoss"]]
    assert f"takes {min(published):.1f} to {max(published):.1f} times as long" in TEXT
    medians = [
        rows[0]["autograd"]["median_microseconds"] / rows[0]["ours"]["median_microseconds"]
        for rows in SPEED["losses"].values()
    ]
    assert f"speeds at 512 × 9 are {min(medians):.1f} to {max(medians):.1f}." in TEXT


def test_no_recorded_gradient_is_not_finite():
    assert SPEED["finite"]["not_finite"] == 0
    assert f"Of {SPEED['finite']['cells'] // 10**6} million gradients" in TEXT
    assert SPEED["finite"]["not_finite_by_autograd_alpha_0.5"] > 0


def test_scores_are_the_recorded_ones():
    for side, losses, name in (
        ("trainer", {"CE": "`CELoss`", "DSC": "`DSCLoss`"}, "Trainer"),
        ("spacy", {"CE": "`dice.CE.v1`", "DSC": "`dice.DSC.v1`"}, "`spacy train`"),
    ):
        for loss, shown in losses.items():
            runs = WNUT17[side][loss]
            assert sorted(runs) == ["0", "1", "2"]
            scores = [
                spread(run[part][score] for run in runs.values())
                for part, score in (
                    ("dev", "ents_f"),
                    ("test", "ents_f"),
                    ("test", "ents_p"),
                    ("test", "ents_r"),
                )
            ]
            assert f"| {name} | {shown} | {' | '.join(scores)} |\n" in PAGE


def test_the_trainer_does_what_spacy_train_does():
    """What the record calls its settings are those of the runs beside it, and so are the scores."""
    dataset = srsly.read_yaml(ROOT / "configs/transformers.yml")["datasets"]["wnut17"]
    overrides, training = dataset["overrides"], "training.optimizer.learn_rate"
    config = Config().from_disk(ROOT / dataset["config"])["training"]
    optimizer = config["optimizer"]
    assert config["batcher"]["@batchers"] == "spacy.batch_by_padded.v1"
    assert config["batcher"]["discard_oversize"]
    assert overrides["training.accumulate_gradient"] == 1
    assert WNUT17["settings"] == {
        "steps": dataset["steps"],
        "batch_words_padded": overrides["training.batcher.size"],
        "buffer": config["batcher"]["buffer"],
        "learning_rate": overrides[f"{training}.initial_rate"],
        "warmup_steps": overrides[f"{training}.warmup_steps"],
        "weight_decay": optimizer["L2"],
        "max_grad_norm": optimizer["grad_clip"],
    }
    for loss, runs in WNUT17["spacy"].items():
        for seed, run in runs.items():
            path = ROOT / f"metrics/transformers/wnut17/{loss}/{seed}.json"
            recorded = json.loads(path.read_text(encoding="utf8"))
            assert run["test"]["ents_f"] == recorded["test"]["ents_f"]
