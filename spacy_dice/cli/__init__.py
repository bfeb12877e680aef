"""`python -m spacy dice …`: arguments in, calls out."""

import typer

app = typer.Typer(name="dice", no_args_is_help=True, help="F1-oriented losses for spaCy.")


@app.callback()
def main_callback() -> None:
    """F1-oriented losses for spaCy."""


def main() -> None:
    """Run `spacy-dice`."""
    app()
