"""The command group, and how its commands fail."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

app = typer.Typer(name="dice", no_args_is_help=True, help="F1-oriented losses for spaCy.")


@app.callback()
def main_callback() -> None:
    """F1-oriented losses for spaCy: look at labels, compare losses, calibrate decisions."""


@contextmanager
def refusals() -> Iterator[None]:
    """Show what is wrong with the input as one line and exit with status 1; no traceback."""
    try:
        yield
    except (ValueError, OSError, ModuleNotFoundError) as error:
        typer.secho(f"✘ {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
