"""Parts of a YAML file, checked.

owner: where a part is, what error messages begin with. All of them raise ValueError.
"""

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeGuard

from .._types import JSON
from .._validation import listed, nearest, refuse


def text(owner: str, block: Mapping[str, JSON], key: str, default: str = "") -> str:
    """A string; without one, the default."""
    value = block.get(key, default)
    if not isinstance(value, str):
        refuse(owner, f"{key} must be a string, got {value!r}")
    return value


def texts(owner: str, block: Mapping[str, JSON], key: str) -> tuple[str, ...]:
    """A list of strings; without one, none."""
    value = block.get(key, [])
    found = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    if found != value:
        refuse(owner, f"{key} must be a list of names, got {value!r}")
    return tuple(found)


def switch(owner: str, block: Mapping[str, JSON], key: str, default: bool) -> bool:
    """True or false; without one, the default."""
    value = block.get(key, default)
    if not isinstance(value, bool):
        refuse(owner, f"{key} must be true or false, got {value!r}")
    return value


def overrides(owner: str, block: Mapping[str, JSON]) -> dict[str, JSON]:
    """Settings of a config by their dotted names."""
    value = block.get("overrides") or {}
    if not isinstance(value, Mapping):
        refuse(owner, f"overrides must be a mapping of dotted names, got {value!r}")
    for key in value:
        if "." not in str(key):
            refuse(owner, f"overrides: {key!r} is not the dotted name of a setting")
    return dict(value)


def mapping(
    owner: str, block: JSON, known: Iterable[str], required: Iterable[str] = ()
) -> Mapping[str, JSON]:
    """A mapping that has known keys only, the required ones among them."""
    known = tuple(known)
    if not isinstance(block, Mapping):
        refuse(owner, f"expected a mapping with the keys {listed(known)}, got {block!r}")
    for key in block:
        if key not in known:
            unknown(owner, "key", key, known)
    for key in required:
        if key not in block:
            refuse(owner, f"the key {key!r} is missing")
    return block


def unknown(owner: str, what: str, name: str, known: Iterable[str]) -> NoReturn:
    """Refuse a name that is not known, and suggest the nearest one."""
    known = list(known)
    refuse(
        owner, f"there is no {what} {str(name)!r}{nearest(name, known)}; known are {listed(known)}"
    )


def is_count(value: JSON) -> TypeGuard[int]:
    """Tell whether a value is an integer >= 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
