"""Documents that are a query, a separator and a context: how they are made, cut and answered.

`dice_query_spans` learns to find in the context what the query asks for: question answering, and
NER with a query for each type.
"""

from .answer import answer
from .cutting import windows
from .documents import make_query_doc
from .entities import entity_queries

__all__ = ["answer", "entity_queries", "make_query_doc", "windows"]
