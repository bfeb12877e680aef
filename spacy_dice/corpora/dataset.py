"""What a row of the table of data sets says."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from spacy.tokens import Doc

# Called with a file and a pipeline; some take more.
Reader = Callable[..., Iterator[Doc]]
Cut = Callable[[Doc], str]
Choice = Callable[[list[Doc]], list[Doc]]


@dataclass(frozen=True)
class Dataset:
    """One data set.

    name: what users call it.
    lang: language code for `spacy.blank`.
    task: the component that the annotation is for: ner, spancat (and span_finder), tagger, textcat
        or textcat_multilabel. Rows for the tagger that come from Universal Dependencies also carry
        POS, morphological features and, where the treebank has them, lemmas.
    licence: as its source states it.
    url: public address that `files` are relative to; empty: the files are in this package.
    files: part (a split, or `all`) -> path below `url`.
    reader: turns one file, given its path and a blank pipeline, into docs.
    cuts: part -> the function that names the split of each of its docs; a part without one is
        a split.
    samples: part -> which of its docs are kept; without one, all.
    folder: its folder below the assets folder (default: the name).
    prefix: put before the names of the files there, where data sets that share a folder have files
        of the same name.
    """

    name: str
    lang: str
    task: str
    licence: str
    url: str
    files: Mapping[str, str]
    reader: Reader
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    samples: Mapping[str, Choice] = field(default_factory=dict)
    folder: str = ""
    prefix: str = ""

    def asset(self, part: str) -> PurePosixPath:
        """Return where the file of `part` lies below the assets folder: `<folder>/<file name>`."""
        name = self.prefix + PurePosixPath(self.files[part]).name
        return PurePosixPath(self.folder or self.name, name)

    def address(self, part: str) -> str:
        """Return the public URL of the file of `part`."""
        return self.url + self.files[part]
