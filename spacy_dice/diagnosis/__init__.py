"""What is in a corpus: its labels, how imbalanced they are, and which loss that calls for."""

from .diagnosis import Diagnosis, Finding, diagnose
from .distribution import Distribution
from .docbin import stream
from .output import open_output, write
from .text import to_renderable, to_text

__all__ = [
    "Diagnosis",
    "Distribution",
    "Finding",
    "diagnose",
    "open_output",
    "stream",
    "to_renderable",
    "to_text",
    "write",
]
