"""`tune`: the loss, its settings and the decisions for your data, found by Optuna.

Needs the extra `tune`.
"""

try:
    from .runner import status, tune
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"tune needs `pip install 'spacy-dice[tune]'` ({error})") from error
from .result import Candidate, TuneResult

__all__ = ["Candidate", "TuneResult", "status", "tune"]
