"""How scores and numbers are written."""

from .statistics import Difference, Estimate

NONE = "–"
_SCORES = {
    "ents_f": "entity F1",
    "ents_macro_f": "entity macro F1",
    "tag_acc": "tag accuracy",
    "tag_macro_f": "tag macro F1",
    "pos_acc": "POS accuracy",
    "morph_acc": "morphology accuracy",
    "cats_macro_f": "macro F1",
    "cats_micro_f": "micro F1",
    "spans_sc_f": "span F1",
    "spans_sc_p": "span precision",
    "spans_sc_r": "span recall",
    "sents_f": "sentence F1",
    "lemma_acc": "lemma accuracy",
    "dep_las": "LAS",
    "dep_uas": "UAS",
}


def name_of_score(key: str) -> str:
    """What readers call a score."""
    return _SCORES.get(key, key)


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
