"""Data sets with imbalanced labels, and their conversion to spaCy's binary format.

`DATASETS` maps a name to a `Source` row; `read` gives docs by split; `convert` writes
`train.spacy`, `dev.spacy` and `test.spacy`. The files themselves are downloaded by
`spacy project assets --extra`; nothing here opens a network connection.
"""

from .convert import convert, files_of, read
from .source import File, Source
from .table import DATASETS

__all__ = ["DATASETS", "File", "Source", "convert", "files_of", "read"]
