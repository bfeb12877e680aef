"""How scores and numbers are written."""

from ..components import score_of
from .statistics import Difference, Estimate

NONE = "–"


def name_of_score(key: str) -> str:
    """What readers call a score."""
    score = score_of(key)
    return key if score is None else score.name


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return NONE if value is None else f"{100 * value:.1f}"


def signed(value: float) -> str:
    """A difference of shares in points, with its sign."""
    # Without a "-0.0".
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


def interval(bounds: tuple[float, float] | None) -> str:
    """An interval of differences."""
    return NONE if bounds is None else f"{signed(bounds[0])} … {signed(bounds[1])}"


def mean_with_margin(found: Estimate) -> str:
    """A mean, and half of its interval."""
    if found.interval is None:
        return percent(found.mean)
    return f"{percent(found.mean)} ± {percent(found.interval[1] - found.mean)}"


def p_value(p: float | None) -> str:
    """A p-value."""
    if p is None:
        return NONE
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def difference(found: Difference | None) -> str:
    """A difference in points, with a star if it is significant."""
    return NONE if found is None else signed(found.mean) + ("*" if found.significant else "")
