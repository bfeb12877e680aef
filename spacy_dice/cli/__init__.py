"""`python -m spacy dice …` and `spacy-dice …`: arguments in, calls out, nothing else.

What a command calls is imported inside it, so that `python -m spacy --help` stays quick.
"""

import sys

from .app import app
from .corpora import convert
from .diagnose import diagnose
from .evaluate import extend_evaluate
from .experiments import benchmark, calibrate, compare, report

__all__ = [
    "app",
    "benchmark",
    "calibrate",
    "compare",
    "convert",
    "diagnose",
    "main",
    "report",
]

# spaCy's command line imports what the entry point names, and leaves it to that to join its app.
if "spacy.cli._util" in sys.modules:
    from spacy.cli._util import app as spacy_app

    spacy_app.add_typer(app)
    extend_evaluate(spacy_app)


def main() -> None:
    """Run `spacy-dice`."""
    app(prog_name="spacy-dice")
