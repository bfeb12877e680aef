"""What it costs those who do not use it that this package is installed.

    python scripts/benchmark_import.py [--pairs 40] [--output metrics/benchmark/import.json]

Processes that import spaCy and make a blank pipeline, in turn with this package among the installed
ones and without; which one begins changes from pair to pair. The times are those of the processor.
Two measures: the ratio of the times of each pair, which is the answer, but uncertain by more than
what is measured while the machine does other things; and within the processes that have it, the
time in which spaCy loads what this package has for it, as a share of the rest. Other packages that
plug into spaCy are hidden from both, since one that imports PyTorch would make ours look small.
"""

import argparse
import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy

from spacy_dice._files import write_json

# The share of more time that is aimed at.
AIM = 0.03
_WARM_UP = 2

CHILD = """
import importlib.metadata as metadata, json, sys

def is_there(found):
    if found.name == "spacy-dice":
        return "with" in sys.argv
    plugs_in = any(point.group.startswith(("spacy", "thinc")) for point in found.entry_points)
    return found.name in ("spacy", "thinc") or not plugs_in

installed = [found for found in metadata.distributions() if is_there(found)]
metadata.distributions = lambda **_: iter(installed)

from time import process_time
start = process_time()
import spacy
from spacy.pipeline.factories import register_factories
register_factories()
loading = process_time()
for point in metadata.entry_points(group="spacy_factories"):
    if point.dist.name == "spacy-dice":
        point.load()
loaded = process_time()
spacy.blank("en")
whole = process_time() - start
print(json.dumps({
    "ms": 1000 * whole,
    "loading_ms": 1000 * (loaded - loading),
    "modules": len(sys.modules),
    "ours": sum(name.split(".")[0] == "spacy_dice" for name in sys.modules),
}))
"""


def run(side: str) -> dict[str, float]:
    """Milliseconds and modules of one process. side: `with` or `without`."""
    command = [sys.executable, "-c", CHILD, side]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(pairs: int) -> dict[str, Any]:
    """Medians of both sides, the ratios of pairs, and the share of the time for this package."""
    sides = ("without", "with")
    for _ in range(_WARM_UP):
        last = {side: run(side) for side in sides}
    times = numpy.empty((pairs, 2))
    loading = numpy.empty(pairs)
    for i in range(pairs):
        for j in (0, 1) if i % 2 else (1, 0):
            last[sides[j]] = run(sides[j])
            times[i, j] = last[sides[j]]["ms"]
        loading[i] = last["with"]["loading_ms"]
    return {
        "pairs": pairs,
        "without_ms": round(float(numpy.median(times[:, 0])), 1),
        "with_ms": round(float(numpy.median(times[:, 1])), 1),
        "loading_ms": round(float(numpy.median(loading)), 1),
        "ratio": quartiles(times[:, 1] / times[:, 0]),
        "share": quartiles(loading / (times[:, 1] - loading)),
        "modules": int(last["with"]["modules"] - last["without"]["modules"]),
        "modules_of_spacy_dice": int(last["with"]["ours"]),
    }


def quartiles(values: numpy.ndarray) -> list[float]:
    """The median between the quartiles."""
    return [round(float(value), 4) for value in numpy.quantile(values, [0.25, 0.5, 0.75])]


def main() -> None:
    """Measure, print, write; exit with status 1 if the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=40, help="pairs of processes")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    arguments = parser.parse_args()
    found = measure(arguments.pairs)
    print(json.dumps(found))
    if arguments.output is not None:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        machine |= {name: version(name) for name in ("spacy", "thinc", "numpy")}
        write_json(arguments.output, {"machine": machine, "blank pipeline": found})
    _, share, _ = found["share"]
    if share > AIM:
        sys.exit(f"{share:.1%} more, the aim is {AIM:.0%}")


if __name__ == "__main__":
    main()
