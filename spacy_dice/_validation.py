"""One check, one message: `OWNER: NAME must be …, got VALUE`."""

import math
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import NoReturn, TypeGuard


def refuse(owner: str, problem: str) -> NoReturn:
    """Raise the `ValueError` every refusal in this package goes through."""
    raise ValueError(f"{owner}: {problem}")


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether `value` is a finite real number (booleans are not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_non_negative(owner: str, name: str, value: object) -> None:
    """Refuse anything but a finite number >= 0."""
    if not is_number(value) or value < 0:
        refuse(owner, f"{name} must be >= 0, got {value!r}")


def check_positive(owner: str, name: str, value: object) -> None:
    """Refuse anything but a finite number > 0."""
    if not is_number(value) or value <= 0:
        refuse(owner, f"{name} must be > 0, got {value!r}")


def check_fraction(owner: str, name: str, value: object) -> None:
    """Refuse anything but a number in [0, 1)."""
    if not is_number(value) or not 0 <= value < 1:
        refuse(owner, f"{name} must be in [0, 1), got {value!r}")


def check_choice(owner: str, name: str, value: object, choices: Collection[str]) -> None:
    """Refuse anything that is not one of `choices`, and suggest the nearest one."""
    if value not in choices:
        refuse(
            owner,
            f"{name} must be one of {listed(choices)}, got {value!r}{nearest(value, choices)}",
        )


def listed(names: Iterable[object], limit: int = 20) -> str:
    """Quote and join names for a message, cut after `limit` of them."""
    quoted = [repr(str(name)) for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return ", ".join(quoted[:limit]) + more


def nearest(name: object, choices: Iterable[str]) -> str:
    """Return ` (did you mean …?)` for the closest of `choices`, or an empty string.

    Letter case does not count: it is what people get wrong most.

    >>> nearest("PERSON", ["person", "location"])
    " (did you mean 'person'?)"
    """
    folded: dict[str, str] = {}
    for choice in choices:
        folded.setdefault(choice.casefold(), choice)
    close = get_close_matches(str(name).casefold(), folded, n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""
