"""`python -m spacy dice …` and `spacy-dice …`: arguments in, calls out, nothing else.

What a command calls is imported inside it, so that `python -m spacy --help` stays quick.
"""

from .answer import answer
from .app import app
from .configs import debug_data, init_config
from .corpora import corpus
from .diagnose import diagnose
from .evaluate import evaluate
from .experiments import calibrate, compare, report
from .tune import tune

__all__ = [
    "answer",
    "app",
    "calibrate",
    "compare",
    "corpus",
    "debug_data",
    "diagnose",
    "evaluate",
    "init_config",
    "main",
    "report",
    "tune",
]


def main() -> None:
    """Run `spacy-dice`."""
    app(prog_name="spacy-dice")
