"""Commands for corpora."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals


@app.command()
def corpus(
    output: Annotated[Path, typer.Argument(help="Folder for train.spacy, dev.spacy, test.spacy")],
    spans_key: Annotated[
        str, typer.Option(help="Entities as spans under this key, for spancat and span_finder")
    ] = "",
) -> None:
    """Write the corpus that is part of this package: English notes with entities, to try things on.

    Your own corpora come from `spacy convert`, or from a DocBin.
    """
    with refusals():
        from ..corpora import read_harbour, write_docs

        for split, count in write_docs(read_harbour(spans_key=spans_key), output).items():
            typer.echo(f"{output / split}.spacy: {count} documents")
