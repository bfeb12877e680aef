"""`spacy evaluate` prints the scores it knows; this command those of `spacy_dice.scorers`, too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .app import app, refusals

# What the scorers of this package add, and no other does.
_MARK = "_weighted_f"


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Trained pipeline: a folder or a package")],
    data: Annotated[Path, typer.Argument(help="Gold documents, a .spacy file or a folder of such")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file for all scores")
    ] = None,
    code: Annotated[
        Path | None, typer.Option("--code", "-c", help="Python file to import first")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, -1 for CPU")] = -1,
    gold_preproc: Annotated[
        bool, typer.Option("--gold-preproc", "-G", help="Use gold tokens and sentences")
    ] = False,
    spans_key: Annotated[
        str, typer.Option("--spans-key", "-sk", help="Span group to show the scores of")
    ] = "sc",
) -> None:
    """Evaluate a pipeline as `spacy evaluate` does, and show averages and labels.

    After spaCy's own tables come the micro, macro and weighted F of each component that has a
    scorer of this package, and the scores of its labels where spaCy shows none. Any other pipeline
    is shown as spaCy shows it.
    """
    with refusals():
        from spacy.cli import evaluate as call
        from spacy.cli._util import import_code

        import_code(code)
        scores = call(
            model,
            data,
            output=output,
            use_gpu=gpu_id,
            gold_preproc=gold_preproc,
            silent=False,
            spans_key=spans_key,
        )
        show_labels(scores, spans_key)


def show_labels(scores: Mapping[str, Any], spans_key: str = "sc") -> None:
    """Print the averages over labels, and the scores of each label where spaCy does not do so.

    scores: what `nlp.evaluate` returns. spans_key: the span group whose labels spaCy has shown.
    """
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
