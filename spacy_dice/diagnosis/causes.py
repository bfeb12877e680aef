"""What low scores come from before any loss: the stock objective, the suggester, and keys."""

from collections.abc import Iterator, Mapping

from .._types import JSON
from .._validation import listed
from ..components import Component
from .candidates import ENOUGH, Candidates

# So many lengths of spans are named.
_SHOWN = 6


def of_squared_error(row: Component, settings: Mapping[str, JSON], loss: JSON) -> bool:
    """Whether a component trains on spaCy's squared error.

    settings: its block in a config. loss: that of the callback for this component, if any.
    """
    return row.output == "logistic" and settings.get("factory") == row.stock and not loss


def squared_error(row: Component) -> str:
    """What to say of a component that trains on a squared error."""
    return (
        "spaCy trains this component on one. Its gradient dies where the model is sure and wrong, "
        "so that rare labels are learned late or never. Change that first: "
        f'factory = "{row.factory}" and the loss block below.'
    )


def of_suggester(train: Candidates | None, dev: Candidates | None) -> Iterator[tuple[str, str]]:
    """What to say of the candidates: how many gold spans are among them, and what else is."""
    if train is None or train.recall is None:
        return
    text = f"n-grams of {_numbers(train.sizes)} tokens: "
    text += f"{100 * train.recall:.1f} % of the gold spans of train are proposed"
    if dev is not None and dev.recall is not None:
        text += f", {100 * dev.recall:.1f} % of dev"
    if train.negatives is not None:
        text += f"; {train.negatives:,.0f} other candidates for each"
    yield "Suggester", text
    if train.recall < ENOUGH:
        shown = list(train.missing.items())[:_SHOWN]
        lengths = ", ".join(f"{n} of {length} tokens" for length, n in shown)
        more = ", …" if len(train.missing) > _SHOWN else ""
        yield (
            "Never found",
            f"{sum(train.missing.values())} spans of train, whatever the loss: {lengths}{more}. "
            f"sizes = {train.enough} would propose {100 * ENOUGH:.0f} %",
        )


def of_score_weights(key: str, weights: Mapping[str, JSON]) -> str | None:
    """What to say of score weights that count spans, but not those of this key; None if fine."""
    counted = [name for name, weight in weights.items() if weight and name.startswith("spans_")]
    if not counted or any(name.startswith(f"spans_{key}_") for name in counted):
        return None
    return (
        f"[training.score_weights] counts {listed(counted)}, but the spans_key is {key!r}: that "
        f"score is always 0, and the best checkpoint a matter of chance. Count spans_{key}_f"
    )


def _numbers(sizes: tuple[int, ...]) -> str:
    if len(sizes) > 1 and sizes == tuple(range(sizes[0], sizes[-1] + 1)):
        return f"{sizes[0]} to {sizes[-1]}"
    return ", ".join(map(str, sizes))
