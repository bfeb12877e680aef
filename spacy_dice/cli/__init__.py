"""`python -m spacy dice …` and `spacy-dice …`: arguments in, calls out, nothing else.

What a command calls is imported inside it, so that `python -m spacy --help` stays quick.
"""

from .app import app
from .corpora import convert
from .diagnose import diagnose
from .evaluate import evaluate
from .experiments import benchmark, calibrate, compare, report

__all__ = [
    "app",
    "benchmark",
    "calibrate",
    "compare",
    "convert",
    "diagnose",
    "evaluate",
    "main",
    "report",
]


def main() -> None:
    """Run `spacy-dice`."""
    app(prog_name="spacy-dice")
