"""A folder of results of `spacy dice compare`, as small as a report needs."""

import numpy

from spacy_dice._files import write_json
from spacy_dice.counts import micro_f
from spacy_dice.experiments.packing import pack
from spacy_dice.items import DocumentCounts

TYPES = ["CITY", "FRUIT", "*|*"]


def write_run(folder, dataset, loss, seed, missed, **changes):
    """A run whose 30 documents have an entity of each type, of which some are missed."""
    array = numpy.zeros((30, 3, 3), dtype="int64")
    array[:, :, 0] = 1
    array[:missed, 0] = [0, 0, 1]
    f = float(micro_f(array.sum(axis=0)))
    record = {
        "dataset": dataset,
        "loss": loss,
        "seed": seed,
        "hash": "",
        "definition": {},
        "versions": {"spacy": "3.8"},
        "scores": ["ents_f"],
        "dev": {"ents_f": f},
        "test": {"ents_f": f},
        "test_counts": pack(DocumentCounts(TYPES, array)),
        "train_counts": {"CITY": 5, "FRUIT": 50, "*|*": 10},
        "curve": [[0, 0.0], [5, f]],
        **changes,
    }
    write_json(folder / dataset / loss / f"{seed}.json", record)


def write_results(folder, datasets=("d", "e"), n_seeds=4):
    """On each data set B is clearly better than A, C just the same; on `e` a run failed."""
    index = {"name": "m", "baseline": "A", "datasets": [*datasets], "losses": ["A", "B", "C"]}
    write_json(folder / "matrix.json", index)
    for dataset in datasets:
        for seed in range(n_seeds):
            write_run(folder, dataset, "A", seed, missed=20 + seed)
            write_run(folder, dataset, "B", seed, missed=5 + seed % 2)
            write_run(folder, dataset, "C", seed, missed=20 + seed)
    if "e" in datasets:
        failed = {"dataset": "e", "loss": "B", "seed": 9, "error": "ValueError: <no>"}
        write_json(folder / "e" / "B" / "9.json", failed)
