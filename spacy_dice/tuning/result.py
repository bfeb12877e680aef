"""What a search came to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._types import JSON
from ..experiments.folder import read_object
from ..experiments.wording import interval, name_of_score, percent, signed
from .space import STOCK

RESULT = "result.json"
MODEL = "model-best"
CONFIG = "config.cfg"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What was trained again with fresh seeds.

    name, loss, settings: what it is called, its loss block, and other settings of the config.
    trial: the number of its trial. searched: the dev score there; None if that failed.
    dev, test: the mean over seeds with tuned decisions; of the dev set cross-fitted.
    plain: the same of the part that is reported, without tuned decisions.
    difference, interval, documents, p: of the dev score to the stock loss: mean, 95 % intervals
        over seeds, and over documents and seeds, and the corrected p-value; None for the stock
        loss, and where it cannot be known.
    better: whether it is better by more than chance.
    """

    name: str
    loss: Mapping[str, JSON]
    settings: Mapping[str, JSON]
    trial: int
    searched: float | None
    dev: float
    test: float | None
    plain: float
    difference: float | None = None
    interval: tuple[float, float] | None = None
    documents: tuple[float, float] | None = None
    p: float | None = None
    better: bool = False

    @property
    def score(self) -> float:
        """Of the part that is reported."""
        return self.dev if self.test is None else self.test


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """What a search came to.

    output: its folder, with `model-best` and `config.cfg`.
    component, metric: what was tuned, and to which score.
    chosen: the name of what `model-best` is. reason: why, in a sentence.
    candidates: what was compared at the end by name, the stock loss first.
    trials: how many were `complete`, `pruned`, and `failed`.
    seeds: of the final comparison. seed: that of `model-best`.
    cost: of everything, in steps of training, as a multiple of one training with the stock loss.
    """

    output: Path
    component: str
    metric: str
    chosen: str
    reason: str
    candidates: Mapping[str, Candidate]
    trials: Mapping[str, int]
    seeds: Sequence[int]
    seed: int
    cost: float

    @property
    def best(self) -> Candidate:
        """What was chosen."""
        return self.candidates[self.chosen]

    @property
    def stock(self) -> Candidate:
        """The stock loss."""
        return self.candidates[STOCK]

    @property
    def part(self) -> str:
        """What is reported: `test`, or `dev` where no test set was given."""
        return "dev" if self.best.test is None else "test"

    def to_text(self) -> str:
        """For people."""
        best, stock = self.best, self.stock
        part = "test set" if self.part == "test" else "dev set, cross-fitted"
        lines = [
            f"{self.component}: {name_of_score(self.metric)} on the {part}, in %, mean of "
            f"{len(self.seeds)} seeds",
            f"  stock loss                 {percent(stock.plain)}",
            f"  stock loss, calibrated     {percent(stock.score)}",
        ]
        if self.chosen != STOCK:
            lines.append(f"  {best.name + ', calibrated':27}{percent(best.score)}")
        lines.append(self.reason)
        count = ", ".join(f"{n} {state}" for state, n in self.trials.items() if n)
        lines.append(f"Trials: {count}. Cost: {self.cost:.1f} trainings with the stock loss.")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all but the folder."""
        content = asdict(self)
        del content["output"]
        return content


def read_result(folder: Path) -> TuneResult | None:
    """The result of a folder; None if there is none yet. RAISES: ValueError for something else."""
    path = folder / RESULT
    if not path.is_file():
        return None
    content = read_object(path, "remove it, and `spacy dice tune` makes it again")
    candidates = {key: _candidate(value) for key, value in content.pop("candidates").items()}
    changed = {"candidates": candidates, "output": folder, "seeds": tuple(content["seeds"])}
    return TuneResult(**{**content, **changed})


def _candidate(content: Mapping[str, Any]) -> Candidate:
    # JSON has no tuples.
    pairs = {key: content[key] and tuple(content[key]) for key in ("interval", "documents")}
    return Candidate(**{**content, **pairs})


def reason_of(candidates: Mapping[str, Candidate], chosen: str) -> str:
    """Why something was chosen, in a sentence."""
    best = candidates[chosen]
    if chosen != STOCK:
        assert best.difference is not None
        return (
            f"{chosen} is better than the stock loss by more than chance: {signed(best.difference)}"
            f" points on the dev set with fresh seeds (95 % interval {interval(best.interval)})."
        )
    others = [candidate for name, candidate in candidates.items() if name != STOCK]
    if not others:
        return "The stock loss is kept: nothing that was tried had a better dev score."
    said = ", ".join(
        f"{other.name} {signed(other.difference)}" for other in others if other.difference
    )
    return (
        "The stock loss is kept: with fresh seeds nothing was better on the dev set by more than "
        f"chance ({said or 'no difference'})."
    )
