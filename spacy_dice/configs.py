"""Losses in configs: what a config is with a loss, and its text with nothing else changed.

There are two ways to plug in a loss. As a callback, components stay stock ones, and so does the
pipeline that is saved; as a factory, the loss is part of the component.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Literal

from spacy.util import registry
from thinc.api import Config

from ._types import JSON
from ._validation import check_choice, listed, nearest, refuse
from .components import Component, row_of_factory
from .components.defaults import TRAINING

Way = Literal["callback", "factory"]
WAYS = ("callback", "factory")

CALLBACK = "dice.use_losses.v1"


def set_loss(
    text: str,
    component: str | None = None,
    loss: str | Mapping[str, JSON] | None = None,
    *,
    way: Way = "callback",
    owner: str = "config",
) -> str:
    """The text of a config in which a component is trained with a loss.

    What is there otherwise stays as it is, comments too. A loss that the component had is replaced,
    in whichever way it had it.

    text: of the config; variables are not filled in.
    component: its name; None for the only one whose loss can be chosen.
    loss: a registered name, `dice.DSC.v1`, a short one, `DSC`, or a whole block. None for what is
        recommended for the component, with the settings outside of the block that go with it.
    way: `callback` leaves the factory a stock one, `factory` makes it one of this package.
    owner: what errors call the config.
    RAISES: ValueError for a text that is no config, for a component that is not there or whose loss
        cannot be chosen, for a loss that does not exist, and for a config whose `before_init` is
        another callback.

    >>> print(set_loss('''
    ... [components]
    ...
    ... [components.ner]
    ... # Mine.
    ... factory = "ner"
    ...
    ... [initialize]
    ... before_init = null
    ... ''', "ner", "DSC"))
    <BLANKLINE>
    [components]
    <BLANKLINE>
    [components.ner]
    # Mine.
    factory = "ner"
    <BLANKLINE>
    [initialize]
    <BLANKLINE>
    [initialize.before_init]
    @callbacks = "dice.use_losses.v1"
    <BLANKLINE>
    [initialize.before_init.losses]
    <BLANKLINE>
    [initialize.before_init.losses.ner]
    @losses = "dice.DSC.v1"
    <BLANKLINE>
    """
    check_choice(owner, "way", way, WAYS)
    before = _read(text, owner)
    name, row = _component(before, component, owner)
    components = before["components"]
    settings: Mapping[str, JSON] = {}
    if loss is None:
        block: Mapping[str, JSON] = row.recipe.loss
        settings = row.recipe.config
    else:
        block = loss_block(loss, owner)
    after = deepcopy(before)
    _take_loss(after, name)
    if "factory" in components[name]:
        after["components"][name]["factory"] = row.factory if way == "factory" else row.stock
    if way != "factory":
        _take_training(after, name)
    if way == "factory":
        after["components"][name]["loss"] = dict(block)
    else:
        _losses_of(after, owner)[name] = dict(block)
    for key, value in settings.items():
        _set(after, key.split("."), value)
    return _rewritten(text, before, after)


def recommendation(text: str, component: str | None = None, *, owner: str = "config") -> str:
    """What `set_loss` does without a loss, and why, in a line.

    RAISES: ValueError, as `set_loss`.
    """
    name, row = _component(_read(text, owner), component, owner)
    return f"{name}: {row.name_of_loss(row.recipe.loss)}: {row.recipe.why}"


def set_stock(text: str, component: str, *, owner: str = "config") -> str:
    """The text of a config in which a component is spaCy's own, with its loss.

    text, component, owner: as in `set_loss`. RAISES: ValueError.
    """
    before = _read(text, owner)
    component, row = _component(before, component, owner)
    after = deepcopy(before)
    _take_loss(after, component)
    _take_training(after, component)
    after["components"][component]["factory"] = row.stock
    return _rewritten(text, before, after)


def set_settings(text: str, settings: Mapping[str, JSON], *, owner: str = "config") -> str:
    """The text of a config with other values of some settings, by their dotted names.

    text, owner: as in `set_loss`. RAISES: ValueError for a text that is no config.
    """
    before = _read(text, owner)
    after = deepcopy(before)
    for key, value in settings.items():
        _set(after, key.split("."), value)
    return _rewritten(text, before, after)


def stock_twin(config: Mapping[str, JSON]) -> Config:
    """The config without what is of this package: stock factories, no losses.

    Scorers stay: they are looked up by a name that spaCy does not look at.
    """
    twin = Config(config).copy()
    for name, block in twin.get("components", {}).items():
        row = row_of_factory(str(block.get("factory", "")))
        if row is not None:
            block["factory"] = row.stock
        _take_loss(twin, name)
        _take_training(twin, name)
    return twin


def loss_block(loss: str | Mapping[str, JSON], owner: str = "loss") -> dict[str, JSON]:
    """The block of a loss by a registered name, `dice.DSC.v1`, or a short one, `DSC`.

    RAISES: ValueError if there is no such loss, or it cannot be made with such settings.
    """
    if isinstance(loss, str):
        loss = {"@losses": loss if "." in loss else f"dice.{loss}.v1"}
    name = str(loss.get("@losses"))
    known = sorted(registry.losses.get_all())
    if name not in known:
        ours = [n for n in known if n.startswith("dice.")]
        refuse(owner, f"there is no loss {name!r}{nearest(name, known)}; there are {listed(ours)}")
    try:
        registry.resolve({"loss": dict(loss)})
    except ValueError as error:
        refuse(owner, " ".join(str(error).split()))
    return dict(loss)


def sections(name: str, block: Mapping[str, JSON]) -> list[str]:
    """The lines of a section of a config, and of those within it.

    name: dotted, of the section.
    """
    inner = {key: value for key, value in block.items() if isinstance(value, Mapping) and value}
    lines = [f"[{name}]"]
    lines += [_line(key, block[key]) for key in block if key not in inner]
    for key, value in inner.items():
        lines += ["", *sections(f"{name}.{key}", value)]
    return lines


def _line(key: str, value: JSON) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _read(text: str, owner: str) -> Config:
    try:
        return Config().from_str(text, interpolate=False)
    except ValueError as error:
        refuse(owner, f"is not a config that spaCy can read: {' '.join(str(error).split())}")


def _component(config: Config, component: str | None, owner: str) -> tuple[str, Component]:
    """The name of a component, and its row; None stands for the only one there is."""
    components = config.get("components", {})
    name = _only_component(components, owner) if component is None else component
    if name not in components:
        refuse(
            owner,
            f"there is no component {name!r}{nearest(name, components)}; it has "
            f"{listed(components) or 'none'}",
        )
    return name, _row(components[name], name, owner)


def _only_component(components: Mapping[str, Mapping[str, JSON]], owner: str) -> str:
    known = [n for n, block in components.items() if row_of_factory(str(block.get("factory", "")))]
    if len(known) != 1:
        refuse(
            owner,
            f"name the component, one of {listed(known)}"
            if known
            else f"there is no component whose loss can be chosen, only {listed(components)}",
        )
    return known[0]


def _row(block: Mapping[str, JSON], name: str, owner: str) -> Component:
    factory = str(block.get("factory", ""))
    row = row_of_factory(factory)
    if row is None:
        if "source" in block:
            refuse(
                owner,
                f"the component {name!r} comes from {block['source']!r}, and its factory is not "
                f"known here: add {name!r} to the losses of {CALLBACK} by hand",
            )
        refuse(owner, f"the loss of {name!r}, made by the factory {factory!r}, cannot be chosen")
    return row


def _take_loss(config: Config, name: str) -> None:
    """Take the loss of a component out of the config, in whichever way it is there."""
    block = config["components"][name]
    if isinstance(block.get("loss"), Mapping):
        del block["loss"]
    initialize = config.get("initialize", {})
    callback = initialize.get("before_init")
    if isinstance(callback, Mapping) and callback.get("@callbacks") == CALLBACK:
        callback.get("losses", {}).pop(name, None)
        if not callback.get("losses"):
            initialize["before_init"] = None


def _take_training(config: Config, name: str) -> None:
    """Take the settings of a component out of the config that stock factories do not have."""
    for settings in TRAINING.values():
        for key in settings:
            config["components"][name].pop(key, None)


def _losses_of(config: Config, owner: str) -> dict[str, Mapping[str, JSON]]:
    """The losses of the callback, which is made if there is none."""
    initialize = config.setdefault("initialize", {})
    if initialize.get("before_init") is None:
        initialize["before_init"] = {"@callbacks": CALLBACK, "losses": {}}
    callback = initialize["before_init"]
    if callback.get("@callbacks") != CALLBACK:
        refuse(
            owner,
            f"[initialize.before_init] is {callback.get('@callbacks')!r} already, and there can be "
            "only one: have that callback call spacy_dice.callbacks.use_losses, or choose the "
            "factory",
        )
    losses: dict[str, Mapping[str, JSON]] = callback["losses"]
    return losses


def _set(config: Config, path: list[str], value: JSON) -> None:
    *parents, key = path
    for parent in parents:
        config = config.setdefault(parent, {})
    config[key] = value


# A section of a config by its path, and what stands in it: all keys but those that are sections.
_Nodes = dict[tuple[str, ...], dict[str, JSON]]


def _nodes(config: Mapping[str, JSON], path: tuple[str, ...] = ()) -> _Nodes:
    found: _Nodes = {path: {k: v for k, v in config.items() if not isinstance(v, Mapping)}}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found.update(_nodes(value, (*path, key)))
    return found


class _Text:
    """The text of a config as a list of sections, each with the comments right above it."""

    HEADER = re.compile(r"\[([^\]]+)\]\s*$")

    def __init__(self, text: str) -> None:
        self.parts: list[tuple[tuple[str, ...], list[str]]] = [((), [])]
        for line in text.splitlines():
            header = self.HEADER.match(line)
            if header:
                above = self.parts[-1][1]
                comments: list[str] = []
                while above and above[-1].startswith("#"):
                    comments.insert(0, above.pop())
                self.parts.append((tuple(header[1].split(".")), [*comments, line]))
            else:
                self.parts[-1][1].append(line)

    def __str__(self) -> str:
        return "\n".join(line for _, lines in self.parts for line in lines) + "\n"

    def remove(self, path: tuple[str, ...]) -> None:
        """Remove a section."""
        self.parts = [(other, lines) for other, lines in self.parts if other != path]

    def insert(self, path: tuple[str, ...], lines: Iterable[str]) -> None:
        """Insert a section behind its parent and the other sections of that."""
        place = len(self.parts)
        for parent in (path[:n] for n in range(len(path) - 1, 0, -1)):
            related = [
                i for i, (other, _) in enumerate(self.parts) if other[: len(parent)] == parent
            ]
            if related:
                place = related[-1] + 1
                break
        previous = self.parts[place - 1][1]
        if previous and previous[-1].strip():
            previous.append("")
        self.parts.insert(place, (path, [*lines, *([""] if place < len(self.parts) else [])]))

    def set(self, path: tuple[str, ...], key: str, line: str | None) -> None:
        """Put a line in the place of the one with the key, or at the end; None to remove it."""
        lines = next(lines for other, lines in self.parts if other == path)
        start = re.compile(rf"{re.escape(key)}\s*=")
        for i, old in enumerate(lines):
            if start.match(old):
                end = i + 1
                while end < len(lines) and lines[end][:1] in (" ", "\t") and lines[end].strip():
                    end += 1
                lines[i:end] = [] if line is None else [line]
                return
        if line is not None:
            end = len(lines)
            while end and not lines[end - 1].strip():
                end -= 1
            lines.insert(end, line)


def _rewritten(text: str, before: Config, after: Config) -> str:
    """The text of `before`, changed where `after` is another config."""
    if after == before:
        return text
    edited = _Text(text)
    olds, news = _nodes(before), _nodes(after)
    present = {path for path, _ in edited.parts}
    for path in olds.keys() - news.keys():
        edited.remove(path)
    for path, new in news.items():
        if path in present:
            for key, line in _changes(olds.get(path, {}), new):
                edited.set(path, key, line)
        elif path not in olds:
            edited.insert(path, [f"[{'.'.join(path)}]", *(_line(k, v) for k, v in new.items())])
    result = str(edited)
    if _is(result, after):
        return result
    # Sections within a line, or another way to write what is written by few: comments are lost.
    return Config(after).to_str(interpolate=False) + "\n"


def _changes(old: Mapping[str, JSON], new: Mapping[str, JSON]) -> Iterator[tuple[str, str | None]]:
    for key in old.keys() - new.keys():
        yield key, None
    for key, value in new.items():
        if key not in old or old[key] != value:
            yield key, _line(key, value)


def _is(text: str, config: Mapping[str, JSON]) -> bool:
    try:
        return dict(Config().from_str(text, interpolate=False)) == dict(config)
    except ValueError:
        return False
