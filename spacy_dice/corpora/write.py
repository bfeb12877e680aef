"""From docs to the `.spacy` files that `spacy train` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from spacy.tokens import Doc, DocBin

from .._files import filled_folder


def write_docs(splits: Mapping[str, Sequence[Doc]], output: Path) -> dict[str, int]:
    """Write docs as `<output>/<split>.spacy`, one file for each split; user data is left out.

    Each file appears complete under its name, or none does.

    RETURNS: split -> number of docs.
    RAISES: OSError.
    """
    with filled_folder(output) as folder:
        for split, docs in splits.items():
            DocBin(docs=docs, store_user_data=False).to_disk(folder / f"{split}.spacy")
    return {split: len(docs) for split, docs in splits.items()}
