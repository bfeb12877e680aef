"""How much memory it takes to read a large `.spacy` file.

python scripts/diagnose_memory.py corpus/wnut17/train.spacy metrics/diagnose
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import spacy
import srsly
from srsly.msgpack import Packer

from spacy_dice._files import write_json

_MEGABYTE = 1_000_000


def repeat(source: Path, target: Path, times: int) -> None:
    """Write a `.spacy` file with the documents of another one, `times` times over.

    It is what `DocBin.to_disk` would write, but never in memory as a whole.
    RAISES: FileNotFoundError.
    """
    compressor = zlib.compressobj()
    with target.open("wb") as file:
        for piece in _repeated(srsly.msgpack_loads(zlib.decompress(source.read_bytes())), times):
            file.write(compressor.compress(piece))
        file.write(compressor.flush())


def _repeated(content: dict[str, Any], times: int) -> Iterator[bytes]:
    packer = Packer(use_bin_type=True)
    yield packer.pack_map_header(len(content))
    for key, value in content.items():
        yield packer.pack(key)
        if isinstance(value, bytes):
            # bin 32 of msgpack.
            yield b"\xc6" + (len(value) * times).to_bytes(4, "big")
            yield from [value] * times
        elif isinstance(value, list) and key not in ("attrs", "strings"):
            yield packer.pack_array_header(len(value) * times)
            items = b"".join(packer.pack(item) for item in value)
            yield from [items] * times
        else:
            yield packer.pack(value)


def peak(path: Path) -> int:
    """The memory in bytes that a process takes at most to diagnose `path`, all of it.

    RAISES: subprocess.CalledProcessError if that fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


_CHILD = """
import resource, sys
from pathlib import Path
from spacy_dice.diagnosis import diagnose, to_text
to_text(diagnose(Path(sys.argv[1])))
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write `memory.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="a .spacy file, which is repeated")
    parser.add_argument("output", type=Path, help="folder for the record")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the large file")
    options = parser.parse_args(arguments)
    if not options.source.is_file():
        parser.error(f"{options.source}: there is no such file")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder, "large.spacy")
        # Repeated documents are compressed better than those that are there once.
        sizes = []
        for times in (1, 3):
            repeat(options.source, large, times)
            sizes.append(large.stat().st_size)
        each = (sizes[1] - sizes[0]) / 2
        times = 1 + ceil(1.01 * max(options.megabytes * _MEGABYTE - sizes[0], 0) / each)
        repeat(options.source, large, times)
        record = {
            "versions": {"python": platform.python_version(), "spacy": spacy.__version__},
            "source": options.source.as_posix(),
            "times": times,
            "megabytes": round(large.stat().st_size / _MEGABYTE, 1),
            "peak_megabytes": round(peak(large) / _MEGABYTE, 1),
            "peak_megabytes_of_source": round(peak(options.source) / _MEGABYTE, 1),
        }
    write_json(options.output / "memory.json", record)
    print(record)


if __name__ == "__main__":
    main()
