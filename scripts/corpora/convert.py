"""From asset files to docs, and to the `.spacy` files that `spacy train` reads."""

from pathlib import Path

import spacy
from spacy.tokens import Doc

from spacy_dice._validation import check_choice, refuse
from spacy_dice.corpora import write_docs

from .splits import SPLITS
from .table import DATASETS


def files_of(name: str, assets_dir: str | Path) -> dict[str, Path]:
    """Return part -> where the file of each part of a data set has to be.

    Raises `ValueError` for an unknown name.
    """
    check_choice("corpora", "data set", name, list(DATASETS))
    dataset = DATASETS[name]
    return {part: Path(assets_dir, dataset.asset(part)) for part in dataset.files}


def read(name: str, assets_dir: str | Path) -> dict[str, list[Doc]]:
    """Read a data set into docs.

    name: a key of `DATASETS`.
    assets_dir: the folder that holds `<dataset>/<file>`; `spacy project assets --extra` fills
        it.

    Returns split -> docs, in the order of the files; the splits are train, dev and test, plus
    any further test set of the data set.

    Raises `ValueError` for an unknown name, a missing file, or a line that cannot be read.
    """
    paths = files_of(name, assets_dir)
    dataset = DATASETS[name]
    # All files are looked up before the first is read: a missing one should not cost a minute.
    for part, path in paths.items():
        if not path.is_file():
            refuse(
                dataset.name,
                f"{path} is missing: run `spacy project assets --extra`, or download it from "
                f"{dataset.address(part)}",
            )
    nlp = spacy.blank(dataset.lang)
    splits: dict[str, list[Doc]] = {split: [] for split in SPLITS}
    for part, path in paths.items():
        docs = list(dataset.reader(path, nlp))
        if part in dataset.samples:
            docs = dataset.samples[part](docs)
        cut = dataset.cuts.get(part)
        for doc in docs:
            splits.setdefault(cut(doc) if cut else part, []).append(doc)
    return splits


def convert(name: str, assets_dir: str | Path, output_dir: str | Path) -> dict[str, int]:
    """Write a data set as `<output_dir>/<split>.spacy`, one file for each split of `read`.

    The whole data set is read before the first file appears, and each file appears complete
    under its name: a failure leaves no file and none half written.

    Returns split -> number of docs.

    Raises `ValueError` as `read` does.
    """
    return write_docs(read(name, assets_dir), Path(output_dir))
