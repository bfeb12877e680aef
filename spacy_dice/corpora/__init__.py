"""The corpus that is part of this package, and how docs become `.spacy` files."""

from .harbour import read_harbour
from .write import write_docs

__all__ = ["read_harbour", "write_docs"]
