"""What a row of the table of data sets says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from spacy.tokens import Doc

GITHUB = "https://raw.githubusercontent.com/"

# Called with a file and a pipeline; some take more.
Reader = Callable[..., Iterator[Doc]]
Cut = Callable[[Doc], str]
Choice = Callable[[list[Doc]], list[Doc]]


class File(NamedTuple):
    """A file of a data set.

    path: below the address of the data set.
    md5: checksum of the content, in hexadecimal digits.
    name: what it is called in the assets folder (default: the last part of `path`).
    lists: the split whose docs it lists by their identifiers, one a line, in place of docs.
    member: what it is called in the archive that `path` is; then it has to be unpacked by hand.
    """

    path: str
    md5: str
    name: str = ""
    lists: str = ""
    member: str = ""


@dataclass(frozen=True)
class Source:
    """A data set: where it comes from, and how it is read and split.

    name: what users call it.
    title: what its authors call it, for people.
    lang: language code for `spacy.blank`.
    task: the component that the annotation is for: ner, spancat (and span_finder), tagger, textcat,
        textcat_multilabel or query_spans. Rows for the tagger that come from Universal Dependencies
        also carry POS, morphological features and, where the treebank has them, lemmas.
    licence: as its source states it.
    url: public address that the paths of `files` are relative to; empty for data that have none.
    files: part (a split, or `all`) -> its file.
    reader: turns one file, given its path and a blank pipeline, into docs.
    cuts: part -> the function that names the split of each of its docs, or none, "", for one that
        is left out; a part without a function is a split.
    samples: split -> which of its docs are kept, and what of these, after the cuts, one choice
        after the other; without one, all.
    folder: its folder below the assets folder (default: the name).
    extra: whether it is only downloaded by `spacy project assets --extra`.
    full: the data set that `--scale full` takes in its place, if it is part of another one.
    """

    name: str
    title: str
    lang: str
    task: str
    licence: str
    url: str
    files: Mapping[str, File]
    reader: Reader
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    samples: Mapping[str, Choice | Sequence[Choice]] = field(default_factory=dict)
    folder: str = ""
    extra: bool = True
    full: str = ""

    def asset(self, part: str) -> PurePosixPath:
        """Return where the file of `part` lies below the assets folder."""
        file = self.files[part]
        name = file.name or PurePosixPath(file.path).name
        return PurePosixPath(self.folder or self.name, name)

    def address(self, part: str) -> str:
        """Return the public URL of the file of `part`."""
        return self.url + self.files[part].path

    def origin(self, part: str) -> str:
        """Return how to get the file of `part`, as what to do."""
        if not self.url:
            return f"put your copy of {self.title} there ({self.licence})"
        if member := self.files[part].member:
            return f"unpack {member} from {self.address(part)}"
        command = "python -m spacy project assets" + " --extra" * self.extra
        return f"run `{command}`, or download it from {self.address(part)}"
