"""How much a search may cost: trials, minutes of training, or training steps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._validation import listed, refuse

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

UNITS = ("trials", "minutes", "steps")
# The user attributes of an ended trial that say what it cost.
SECONDS, STEPS = "seconds", "steps"


@dataclass(frozen=True)
class Budget:
    """So many trials, minutes, or steps, over all processes that share a study.

    Minutes are of training and evaluation, added up over the trials: two processes need half the
    time. A trial that has begun is finished.

    >>> Budget.parse("90 minutes")
    Budget(amount=90.0, unit='minutes')
    >>> Budget.parse("20")
    Budget(amount=20.0, unit='trials')
    """

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """`20`, `20 trials`, `90 minutes`, `50000 steps`. RAISES: ValueError."""
        match = re.fullmatch(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([a-z]*)\s*", text.casefold())
        unit = _unit_of(match[2]) if match else None
        if match is None or unit is None:
            refuse(
                "budget",
                f"expected a number and one of {listed(UNITS)}, such as '20 trials', got {text!r}",
            )
        amount = float(match[1].replace("_", ""))
        if amount <= 0:
            refuse("budget", f"must be > 0, got {text!r}")
        return cls(amount, unit)

    def spent(self, trials: Sequence["FrozenTrial"]) -> float:
        """What the trials that have begun cost, in the unit of the budget."""
        begun = [trial for trial in trials if trial.state.name != "WAITING"]
        if self.unit == "trials":
            return len(begun)
        key, scale = (SECONDS, 60.0) if self.unit == "minutes" else (STEPS, 1.0)
        return sum(trial.user_attrs.get(key, 0.0) for trial in begun) / scale

    def check(self, n_fixed: int, fewest_steps: int) -> None:
        """Refuse a budget that does not allow for the fixed trials.

        fewest_steps: how long a training takes at least.
        """
        need = {"trials": n_fixed, "steps": n_fixed * fewest_steps}.get(self.unit, 0)
        if self.amount < need:
            refuse(
                "budget",
                f"{self.amount:g} {self.unit} are too few: the {n_fixed} fixed trials, the stock "
                f"loss among them, need {need:g}",
            )

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


def _unit_of(name: str) -> str | None:
    """The unit that a name begins: `min` is `minutes`."""
    if not name:
        return "trials"
    return next((unit for unit in UNITS if unit.startswith(name)), None)
