"""From asset files to docs, and to the `.spacy` files that `spacy train` reads."""

import os
import tempfile
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin

from .._validation import check_choice, refuse
from .dataset import Dataset
from .splits import SPLITS
from .table import DATASETS


def read(name: str, assets_dir: str | Path) -> dict[str, list[Doc]]:
    """Read a data set into docs.

    name: a key of `DATASETS`.
    assets_dir: the folder that holds `<dataset>/<file>`; `spacy project assets --extra` fills
        it. A data set that is part of this package does not look there.

    Returns split -> docs, in the order of the files; the splits are train, dev and test, plus
    any further test set of the data set.

    Raises `ValueError` for an unknown name, a missing file, or a line that cannot be read.
    """
    check_choice("corpora", "data set", name, list(DATASETS))
    dataset = DATASETS[name]
    nlp = spacy.blank(dataset.lang)
    splits: dict[str, list[Doc]] = {split: [] for split in SPLITS}
    with ExitStack() as stack:
        # All files are looked up before the first is read: a missing one should not cost a minute.
        paths = {part: _file(dataset, part, assets_dir, stack) for part in dataset.files}
        for part, path in paths.items():
            cut = dataset.cuts.get(part)
            docs = list(dataset.reader(path, nlp))
            if part in dataset.samples:
                docs = dataset.samples[part](docs)
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
    splits = read(name, assets_dir)
    output = Path(output_dir)
    output.mkdir(parents=True, exist_ok=True)
    # Inside the output folder, so that the renames do not leave the file system.
    with tempfile.TemporaryDirectory(prefix=".convert-", dir=output) as scratch:
        for split, docs in splits.items():
            DocBin(docs=docs, store_user_data=False).to_disk(Path(scratch, f"{split}.spacy"))
        for split in splits:
            os.replace(Path(scratch, f"{split}.spacy"), output / f"{split}.spacy")
    return {split: len(docs) for split, docs in splits.items()}


def _file(dataset: Dataset, part: str, assets_dir: str | Path, stack: ExitStack) -> Path:
    if not dataset.url:
        resource = resources.files(__package__) / dataset.files[part]
        return stack.enter_context(resources.as_file(resource))
    path = Path(assets_dir, dataset.asset(part))
    if not path.is_file():
        refuse(
            dataset.name,
            f"{path} is missing: run `spacy project assets --extra`, or download it from "
            f"{dataset.address(part)}",
        )
    return path
