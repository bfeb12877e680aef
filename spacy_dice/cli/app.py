"""The command group, and how its commands fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from .. import __version__

app = typer.Typer(name="dice", no_args_is_help=True, help="F1-oriented losses for spaCy.")


def show_version(wanted: bool) -> None:
    """Print the version and exit, if that is wanted."""
    if wanted:
        typer.echo(f"spacy-dice {__version__}")
        raise typer.Exit()


@app.callback()
def main_callback(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """F1-oriented losses for spaCy: look at labels, compare losses, calibrate decisions."""


@contextmanager
def refusals() -> Iterator[None]:
    """Show what is wrong with the input as one line and exit with status 1; no traceback."""
    try:
        yield
    except (ValueError, OSError, ModuleNotFoundError) as error:
        typer.secho(f"✘ {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
