"""From asset files to docs, and to the `.spacy` files that `spacy train` reads."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import spacy
from spacy.tokens import Doc

from spacy_dice._validation import check_choice, refuse
from spacy_dice.corpora import write_docs
from spacy_dice.queries import windows

from .lines import numbered_lines
from .source import Source
from .splits import SPLITS, Sample
from .table import DATASETS


def source_of(name: str, *, full: bool = False) -> Source:
    """Return the row of a data set, with `full` that of the one which it is part of.

    Raises `ValueError` for an unknown name.
    """
    check_choice("corpora", "data set", name, list(DATASETS))
    dataset = DATASETS[name]
    return DATASETS[dataset.full] if full and dataset.full else dataset


def files_of(name: str, assets_dir: str | Path, *, full: bool = False) -> dict[str, Path]:
    """Return part -> where the file of each part of a data set has to be.

    Raises `ValueError` for an unknown name.
    """
    dataset = source_of(name, full=full)
    return {part: Path(assets_dir, dataset.asset(part)) for part in dataset.files}


def read(
    name: str,
    assets_dir: str | Path,
    *,
    full: bool = False,
    separator: str = "",
    skipped: list[str] | None = None,
) -> dict[str, list[Doc]]:
    """Read a data set into docs.

    name: a key of `DATASETS`.
    assets_dir: the folder that holds `<dataset>/<file>`; `spacy project assets --extra` fills
        it.
    full: all docs of a data set of which otherwise only a sample is taken, or the one that it is
        part of.
    separator: the token between the texts of a pair; without it, that of the data set.
    skipped: takes what is wrong with questions that are left out; without it they are refused.

    Returns split -> docs, in the order of the files; the splits are train, dev and test, plus
    any further test set of the data set.

    Raises `ValueError` for an unknown name, a missing file, or a line that cannot be read.
    """
    paths = files_of(name, assets_dir, full=full)
    dataset = source_of(name, full=full)
    # All files are looked up before the first is read: a missing one should not cost a minute.
    for part, path in paths.items():
        if not path.exists():
            refuse(dataset.name, f"{path} is missing: {dataset.origin(part)}")
    listed = {
        line: file.lists
        for part, file in dataset.files.items()
        if file.lists
        for _, line in numbered_lines(paths.pop(part))
    }
    reader = dataset.reader
    if separator and isinstance(reader, partial) and "separator" in reader.keywords:
        reader = partial(reader, separator=separator)
    if skipped is not None and dataset.task == "query_spans":
        reader = partial(reader, skipped=skipped)
    nlp = spacy.blank(dataset.lang)
    splits: dict[str, list[Doc]] = {split: [] for split in SPLITS}
    for part, path in paths.items():
        cut = dataset.cuts.get(part)
        for doc in reader(path, nlp):
            split = listed.get(doc.user_data.get("id", "")) or (cut(doc) if cut else part)
            if split:
                splits.setdefault(split, []).append(doc)
    for split, choices in dataset.samples.items():
        for choose in choices if isinstance(choices, Sequence) else [choices]:
            if not (full and isinstance(choose, Sample)):
                splits[split] = choose(splits[split])
    return splits


def convert(
    name: str,
    assets_dir: str | Path,
    output_dir: str | Path,
    *,
    full: bool = False,
    separator: str = "",
    skipped: list[str] | None = None,
    window: int = 0,
    stride: int = 0,
) -> dict[str, int]:
    """Write a data set as `<output_dir>/<split>.spacy`, one file for each split of `read`.

    The whole data set is read before the first file appears, and each file appears complete
    under its name: a failure leaves no file and none half written.

    full, separator, skipped: as for `read`.
    window, stride: of the contexts of questions, in tokens: see `spacy_dice.queries.windows`; 0 for
        whole contexts.

    Returns split -> number of docs.

    Raises `ValueError` as `read` does.
    """
    splits = read(name, assets_dir, full=full, separator=separator, skipped=skipped)
    if window and DATASETS[name].task == "query_spans":
        splits = {
            split: [part for doc in docs for part in windows(doc, window, stride)]
            for split, docs in splits.items()
        }
    return write_docs(splits, Path(output_dir))
