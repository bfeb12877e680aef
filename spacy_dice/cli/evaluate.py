"""`spacy evaluate` prints the scores it knows; this lets it print those of `spacy_dice.scorers`."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import typer

# What the scorers of this package add, and no other does.
_MARK = "_weighted_f"


def extend_evaluate(app: typer.Typer) -> None:
    """Let the commands of spaCy's command line that evaluate print averages and labels too.

    Pipelines without a scorer of this package are evaluated and shown as before.
    """
    for info in [*app.registered_commands, *_benchmarks(app)]:
        callback = info.callback
        if callback is not None and callback.__name__ == "evaluate_cli":
            info.callback = _with_labels(callback)


def show_labels(scores: Mapping[str, Any], spans_key: str = "sc") -> None:
    """Print the averages over labels, and the scores of each label where spaCy does not do so."""
    from wasabi import Printer

    msg = Printer()
    groups = [key.removesuffix(_MARK) for key in scores if key.endswith(_MARK)]
    if not groups:
        return
    msg.table(
        [
            (group, *(_percent(scores, group, what) for what in ("micro", "macro", "weighted")))
            for group in groups
        ],
        header=("", "MICRO F", "MACRO F", "WEIGHTED F"),
        aligns=("l", "r", "r", "r"),
        title="Averages over labels",
    )
    printed_by_spacy = ("ents", "cats", f"spans_{spans_key}")
    for group in groups:
        per_type = scores.get(f"{group}_per_type")
        if per_type and group not in printed_by_spacy:
            msg.table(
                [
                    (label, *(f"{100 * values[key]:.2f}" for key in ("p", "r", "f")))
                    for label, values in per_type.items()
                ],
                header=("", "P", "R", "F"),
                aligns=("l", "r", "r", "r"),
                title=f"{group.upper()} (per label)",
            )


def _percent(scores: Mapping[str, Any], group: str, what: str) -> str:
    value = scores.get(f"{group}_{what}_f")
    if value is None and what == "micro":
        value = scores.get(f"{group}_f")
    return "-" if value is None else f"{100 * value:.2f}"


def _benchmarks(app: typer.Typer) -> list[Any]:
    """The commands of groups: `spacy benchmark accuracy` is `spacy evaluate` by another name."""
    return [
        info
        for group in app.registered_groups
        if group.typer_instance is not None
        for info in group.typer_instance.registered_commands
    ]


def _with_labels(callback: Callable[..., None]) -> Callable[..., None]:
    @wraps(callback)
    def evaluate_cli(code_path: Path | None = None, **arguments: Any) -> None:
        from spacy.cli import evaluate
        from spacy.cli._util import import_code

        # What spaCy's command does, which keeps the scores to itself.
        import_code(code_path)
        scores = evaluate(**arguments, silent=False)
        show_labels(scores, arguments["spans_key"])

    return evaluate_cli
