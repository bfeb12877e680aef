"""Commands for corpora."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals


@app.command()
def convert(
    name: Annotated[str, typer.Argument(help="Name of the data set")],
    assets: Annotated[Path, typer.Argument(help="Folder with the files of the data sets")],
    output: Annotated[Path, typer.Argument(help="Folder for train.spacy, dev.spacy, test.spacy")],
) -> None:
    """Convert a data set to .spacy files."""
    from ..corpora import convert as call

    with refusals():
        for split, count in call(name, assets, output).items():
            typer.echo(f"{output / split}.spacy: {count} documents")
