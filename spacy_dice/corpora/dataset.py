"""What a row of the table of data sets says."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from spacy.language import Language
from spacy.tokens import Doc

Reader = Callable[[Path, Language], Iterator[Doc]]
Cut = Callable[[Doc], str]


@dataclass(frozen=True)
class Dataset:
    """One data set.

    name: what users call it.
    lang: language code for `spacy.blank`.
    task: the component that the annotation is for: ner, spancat, tagger or textcat. Rows for
        the tagger that come from Universal Dependencies also carry POS, morphological features
        and, where the treebank has them, lemmas.
    licence: as its source states it.
    url: public address that `files` are relative to; empty: the files are in this package.
    files: part (a split, or `all`) -> path below `url`.
    reader: turns one file into docs.
    cuts: part -> the function that names the split of each of its docs; a part without one is
        a split.
    folder: its folder below the assets folder (default: the name).
    """

    name: str
    lang: str
    task: str
    licence: str
    url: str
    files: Mapping[str, str]
    reader: Reader
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    folder: str = ""

    def asset(self, part: str) -> PurePosixPath:
        """Return where the file of `part` lies below the assets folder: `<folder>/<file name>`."""
        return PurePosixPath(self.folder or self.name, PurePosixPath(self.files[part]).name)

    def address(self, part: str) -> str:
        """Return the public URL of the file of `part`."""
        return self.url + self.files[part]
