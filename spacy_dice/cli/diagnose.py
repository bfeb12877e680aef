"""The command that looks at data."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals


@app.command()
def diagnose(
    train: Annotated[Path, typer.Argument(help="Train set, a .spacy file or a folder of such")],
    config: Annotated[
        Path | None, typer.Option(help="Config whose components to look at; all without it")
    ] = None,
    dev: Annotated[
        Path | None, typer.Option(help="Dev set to compare with; by default that of the config")
    ] = None,
    component: Annotated[str | None, typer.Option(help="Only this component")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for text, JSON and SVG files")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show all labels")] = False,
) -> None:
    """Show how labels are distributed, and which loss that calls for.

    For each component: a table of its labels, how imbalanced they are, which are too rare or not in
    the dev set, what to expect of an F1-oriented loss, and the loss block for the config.
    """
    with refusals():
        from rich.console import Console

        from ..diagnosis import diagnose as call
        from ..diagnosis import open_output, to_renderable, write

        if output is not None:
            open_output(output)
        found = call(train, config, dev, component)
        if output is not None:
            write(found, output, full=full)
        Console().print(to_renderable(found, full=full))
        changed = [f.component.name for f in found.findings if f.recipe and not f.train.is_balanced]
        if config is not None and changed:
            options = shlex.join(f"--component={name}" for name in changed)
            typer.echo("\nWithout pasting, for a pipeline that loads without this package:")
            typer.echo(
                f"python -m spacy dice init-config {shlex.quote(str(config))} dice.cfg {options}"
            )
