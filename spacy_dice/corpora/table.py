"""The table of data sets: one row each.

A row says where the files come from, how they are read and how they are split; everything else
is shared. `Dataset.files` are paths below `url`; below the assets folder each file lies as
`<folder>/<last part of the path>`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from spacy.language import Language
from spacy.tokens import Doc

from .columns import read_entities, read_tags
from .splits import Shares

Reader = Callable[[Path, Language], Iterator[Doc]]
Cut = Callable[[Doc], str]

GITHUB = "https://raw.githubusercontent.com/"


@dataclass(frozen=True)
class Dataset:
    """One data set.

    name: what users call it.
    lang: language code for `spacy.blank`.
    task: the component that the annotation is for: ner, spancat, tagger or textcat. Rows for
        the tagger that come from Universal Dependencies also carry POS, morphological features
        and, where the treebank has them, lemmas.
    licence: as its source states it.
    url: public address that `files` are relative to; empty for a data set in this package.
    files: part (a split, or `all`) -> file.
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
        """Return where the file of `part` lies below the assets folder."""
        return PurePosixPath(self.folder or self.name, PurePosixPath(self.files[part]).name)

    def address(self, part: str) -> str:
        """Return the public URL of the file of `part`."""
        return self.url + self.files[part]


ROWS = (
    Dataset(
        name="wnut17",
        lang="en",
        task="ner",
        licence="CC BY 4.0",
        url=GITHUB + "leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603/",
        files={
            "train": "wnut17train.conll",
            "dev": "emerging.dev.conll",
            "test": "emerging.test.annotated",
        },
        reader=read_entities,
    ),
    # The 2013 version of the corpus, with typos in the tags repaired. There is no official split;
    # papers use 70/15/15 of their own, so scores on this split compare with each other only.
    Dataset(
        name="ritter_pos",
        lang="en",
        task="tagger",
        licence="not stated for the data (the original repository is under the GPL 3)",
        url=GITHUB + "brendano/ark-tweet-nlp/72755ccd1b29ba8e1dbbb49efe57ba9723c0013b/data/ritter/",
        files={"all": "pos_fixed.txt"},
        reader=read_tags,
        cuts={"all": Shares(train=70, dev=15, test=15)},
    ),
)

DATASETS: Mapping[str, Dataset] = {row.name: row for row in ROWS}
