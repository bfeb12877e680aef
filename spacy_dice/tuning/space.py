"""What a search tries: a loss with its settings, and other settings of the config."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._types import JSON
from .._validation import is_number, nearest, refuse
from ..components import Component
from ..experiments.definition import settings_of_loss
from ..experiments.matrix import read_yaml
from ..experiments.rows import Row

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

# The parameter that says which loss.
LOSS = "loss"
# The user attribute of a trial that is fixed: its name.
FIXED = "fixed"
STOCK, RECIPE, DEFAULT = "stock", "recipe", "default loss"
# So many digits of a number are kept: configs are read by people.
DIGITS = 3
# What is no subject of a search.
_NOT_SEARCHED = ("paths.", "training.logger", "training.score_weights")
_SEEDS = ("training.seed", "system.seed")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; integers where both are. log: equal ratios are equally far."""

    low: float
    high: float
    log: bool = False

    def has(self, value: JSON) -> bool:
        """Whether a value is in it."""
        return is_number(value) and self.low <= value <= self.high

    def suggest(self, trial: "Trial | FrozenTrial", name: str) -> JSON:
        """The value of a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        value = trial.suggest_float(name, self.low, self.high, log=self.log)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def key_of(self, value: JSON) -> JSON:
        """What Optuna knows a value as."""
        return value


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    options: Sequence[JSON]

    def has(self, value: JSON) -> bool:
        """Whether a value is one of them."""
        return self.key_of(value) in map(self.key_of, self.options)

    def suggest(self, trial: "Trial | FrozenTrial", name: str) -> JSON:
        """The value of a trial."""
        options = {self.key_of(option): option for option in self.options}
        return options[trial.suggest_categorical(name, list(options))]

    def key_of(self, value: JSON) -> str:
        """What Optuna knows a value as: it has no lists, and `1` is `True` for it."""
        return value if isinstance(value, str) else json.dumps(value)


Setting = Range | Choice

# What of a loss is searched; everything else of it stays as it is by default.
SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    "DSC": {"ce_weight": Range(0.1, 10.0, log=True), "alpha": Range(0.1, 2.0, log=True)},
    "DL": {"ce_weight": Range(0.1, 10.0, log=True)},
    "TL": {"ce_weight": Range(0.1, 10.0, log=True), "beta": Range(0.25, 1.0, log=True)},
    "FL": {"ce_weight": Range(0.1, 10.0, log=True), "focus": Range(0.5, 4.0, log=True)},
    "ASL": {"focus_negative": Range(0.5, 6.0, log=True), "margin": Range(0.0, 0.2)},
    "GCE": {"q": Range(0.1, 0.5)},
    "ConfidencePenalty": {"entropy_weight": Range(0.03, 1.0, log=True)},
    "F1": {"beta": Range(0.5, 2.0, log=True)},
    "MacroF1": {"power": Range(0.1, 1.0, log=True)},
    "WCE": {"K": Range(2.0, 100.0, log=True)},
}
# Those that are searched unless others are named, after the stock loss.
_SOFTMAX = ("CE", "DSC", "DL", "FL", "MacroF1")
_LOGISTIC = ("SE", "CE", "DSC", "DL", "FL", "ASL")
# `F1` gives moves outside of entities a weight of their own.
_BY_FACTORY = {"ner": ("CE", "DSC", "DL", "FL", "F1"), "parser": ("CE", "DSC", "DL", "FL")}


@dataclass(frozen=True, kw_only=True)
class Space:
    """What can be tried for a component.

    losses: short names, the stock loss first. of_loss: the settings of each that are searched.
    settings: those of the config, by their dotted names. own: what they are in the config.
    fixed: what is tried first, by name; `STOCK` is the config as it is.
    """

    losses: Sequence[str]
    of_loss: Mapping[str, Mapping[str, Setting]]
    settings: Mapping[str, Setting]
    own: Mapping[str, JSON]
    fixed: Mapping[str, Row]

    def params_of(self, name: str) -> dict[str, JSON]:
        """A fixed trial as parameters, as far as it lies in the space."""
        row = self.fixed[name]
        block = settings_of_loss(name, row.block or {})
        loss = _short(str(block["@losses"]))
        params: dict[str, JSON] = {}
        if loss in self.losses:
            params[LOSS] = loss
            for key, setting in self.of_loss.get(loss, {}).items():
                if setting.has(block[key]):
                    params[f"{loss}.{key}"] = setting.key_of(block[key])
        values = {**self.own, **(row.overrides or {})}
        for key, setting in self.settings.items():
            if setting.has(values[key]):
                params[key] = setting.key_of(values[key])
        return params

    def row(self, trial: "Trial | FrozenTrial") -> Row:
        """What a trial tries. Parameters that it does not have yet are suggested."""
        name = trial.user_attrs.get(FIXED)
        if name is not None:
            for key in self.params_of(name):
                self._setting(key).suggest(trial, key)
            return self.fixed[name]
        loss = str(self._setting(LOSS).suggest(trial, LOSS))
        block: dict[str, JSON] = {"@losses": _full(loss)}
        for key, setting in self.of_loss.get(loss, {}).items():
            block[key] = setting.suggest(trial, f"{loss}.{key}")
        overrides = {key: setting.suggest(trial, key) for key, setting in self.settings.items()}
        return Row(name=f"{loss} ({trial.number})", block=block, overrides=overrides)

    def identity(self, row: Row) -> str:
        """The same for rows that train the same."""
        block = settings_of_loss(row.name, row.block or {})
        values = {**self.own, **(row.overrides or {})}
        changed = {k: v for k, v in values.items() if k not in self.own or v != self.own[k]}
        return json.dumps([block, changed], sort_keys=True)

    def to_dict(self) -> dict[str, JSON]:
        """All of it, for JSON: what belongs to a study."""
        return {
            "losses": list(self.losses),
            "of_loss": {
                loss: {key: _to_json(setting) for key, setting in settings.items()}
                for loss, settings in self.of_loss.items()
            },
            "settings": {key: _to_json(setting) for key, setting in self.settings.items()},
            "fixed": {
                name: {"loss": dict(row.block or {}), "overrides": dict(row.overrides or {})}
                for name, row in self.fixed.items()
            },
        }

    def _setting(self, name: str) -> Setting:
        if name == LOSS:
            return Choice(list(self.losses))
        loss, _, key = name.rpartition(".")
        found = self.of_loss.get(loss, {}).get(key)
        return self.settings[name] if found is None else found


def make_space(
    component: Component, values: Mapping[str, JSON], search: Mapping[str, JSON], owner: str
) -> Space:
    """What is searched for a component.

    values: all settings of the config by their dotted names.
    search: what a search file says: `losses`, a list of names; `DSC.smooth` and the like, settings
        of losses; dotted names of settings of the config. A setting is a list of values, or
        `{low: …, high: …, log: …}`.
    owner: what error messages begin with.
    RAISES: ValueError for what does not exist, with the nearest name, and for ranges that are none.
    """
    stock = _short(component.stock_loss)
    usual = _BY_FACTORY.get(
        component.stock, _LOGISTIC if component.output == "logistic" else _SOFTMAX
    )
    losses = dict.fromkeys([stock, *_losses(owner, search.get("losses", list(usual)))])
    of_loss = {loss: dict(SETTINGS.get(loss, {})) for loss in losses}
    settings: dict[str, Setting] = {}
    # Without the stock loss in the search it is still trained, and compared with.
    recipe = component.recipe.config
    for key, value in recipe.items():
        if values.get(key) != value:
            settings[key] = Choice([values.get(key), value])
    for name, block in search.items():
        if name == "losses":
            continue
        loss, _, key = name.rpartition(".")
        if loss in losses:
            known = settings_of_loss(f"{owner}: {name}", {"@losses": _full(loss)})
            if key not in known:
                refuse(owner, f"{loss} has no setting {key!r}{nearest(key, known)}")
            of_loss[loss][key] = _parse(f"{owner}: {name}", block, known[key])
            continue
        if name not in values:
            refuse(owner, f"the config has no setting {name!r}{nearest(name, values)}")
        if name in _SEEDS:
            refuse(owner, f"{name}: a seed is no setting to search; see --seeds")
        if name.startswith(_NOT_SEARCHED):
            refuse(owner, f"{name} is no setting to search")
        settings[name] = _parse(f"{owner}: {name}", block, values[name])
    fixed = {STOCK: Row(name=STOCK, block={"@losses": component.stock_loss})}
    for row in (
        Row(name=RECIPE, block=dict(component.recipe.loss), overrides=dict(recipe)),
        Row(name=DEFAULT, block=dict(component.loss)),
    ):
        # Where spaCy's own loss is recommended there is nothing to try.
        if row.overrides or row.block not in [other.block for other in fixed.values()]:
            fixed[row.name] = row
    own = {key: values.get(key) for key in {**settings, **recipe}}
    return Space(losses=list(losses), of_loss=of_loss, settings=settings, own=own, fixed=fixed)


def read_search(path: Path | None) -> dict[str, JSON]:
    """The content of a search file; nothing without one. RAISES: FileNotFoundError, ValueError."""
    if path is None:
        return {}
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        refuse(str(path), f"expected a mapping from names of settings, got {content!r}")
    return {str(key): value for key, value in content.items()}


def flat(config: Mapping[str, JSON], prefix: str = "") -> dict[str, JSON]:
    """All settings of a config by their dotted names.

    >>> flat({"training": {"dropout": 0.1, "optimizer": {"L2": 0.01}}})
    {'training.dropout': 0.1, 'training.optimizer.L2': 0.01}
    """
    found: dict[str, JSON] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{name}."))
        else:
            found[name] = value
    return found


def _losses(owner: str, names: JSON) -> Iterable[str]:
    if not isinstance(names, list) or not names:
        refuse(owner, f"losses must be a list of names, got {names!r}")
    for name in names:
        settings_of_loss(f"{owner}: losses", {"@losses": _full(str(name))})
    return [_short(str(name)) for name in names]


def _parse(owner: str, block: JSON, own: JSON) -> Setting:
    """A setting of a search file. own: what it is without a search; always one of the choices."""
    if isinstance(block, list):
        choice = Choice(block if own is None or Choice(block).has(own) else [own, *block])
        if len(set(map(choice.key_of, choice.options))) < 2:
            refuse(owner, f"expected at least two values, got {block!r}")
        return choice
    if not isinstance(block, Mapping) or not {"low", "high"} <= block.keys():
        refuse(owner, f"expected a list of values or {{low: …, high: …, log: …}}, got {block!r}")
    for key in block:
        if key not in ("low", "high", "log"):
            refuse(owner, f"no key {key!r}{nearest(key, ('low', 'high', 'log'))}")
    low, high, log = block["low"], block["high"], block.get("log", False)
    if not is_number(low) or not is_number(high) or low >= high:
        refuse(owner, f"low must be a number below high, got low {low!r}, high {high!r}")
    if not isinstance(log, bool):
        refuse(owner, f"log must be true or false, got {log!r}")
    if log and low <= 0:
        refuse(owner, f"low must be > 0 where log is true, got {low!r}")
    if own is not None and not is_number(own):
        refuse(owner, f"a range is for numbers, the setting is {own!r}; give a list of values")
    return Range(low, high, log)


def _to_json(setting: Setting) -> JSON:
    if isinstance(setting, Choice):
        return list(setting.options)
    return {"low": setting.low, "high": setting.high, "log": setting.log}


def _full(loss: str) -> str:
    return loss if "." in loss else f"dice.{loss}.v1"


def _short(loss: str) -> str:
    """`DSC` for `dice.DSC.v1`; losses of others keep their names."""
    parts = loss.split(".")
    return parts[1] if len(parts) == 3 and parts[0] == "dice" and parts[2] == "v1" else loss
