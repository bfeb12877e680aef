"""Convert data sets to `.spacy` files: those that are named, or all whose files are there.

python scripts/convert.py wnut17 skillspan
"""

import argparse
from pathlib import Path

from corpora import DATASETS, convert, files_of
from corpora.splits import SPLITS


def main(arguments: list[str] | None = None) -> None:
    """Write `OUTPUT/NAME/{train,dev,test}.spacy` for each data set, and say what was left out."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=f"Data sets: {', '.join(DATASETS)}."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets; default: all")
    parser.add_argument(
        "--if-missing", action="store_true", help="leave alone what is in OUTPUT already"
    )
    parser.add_argument("--assets", type=Path, default=Path("assets"), help="where the files are")
    parser.add_argument("--output", type=Path, default=Path("corpus"), help="where corpora go")
    parser.add_argument(
        "--scale",
        choices=["cpu", "full"],
        default="cpu",
        help="full: no samples or parts, but all docs",
    )
    parser.add_argument("--separator", default="", help="token between the texts of a pair")
    parser.add_argument("--skip-bad", action="store_true", help="leave wrong questions out")
    parser.add_argument("--window", type=int, default=0, help="tokens of a context; 0: all")
    parser.add_argument("--stride", type=int, default=0, help="tokens from window to window")
    options = parser.parse_args(arguments)
    names = options.names or list(DATASETS)
    try:
        for name in names:
            parts = [options.output / name / f"{split}.spacy" for split in SPLITS]
            if options.if_missing and all(part.exists() for part in parts):
                continue
            files = files_of(name, options.assets, full=options.scale == "full").values()
            if not options.names and not all(file.exists() for file in files):
                print(f"{name}: left out, not all of its files are in {options.assets}")
                continue
            skipped: list[str] = []
            counts = convert(
                name,
                options.assets,
                options.output / name,
                full=options.scale == "full",
                separator=options.separator,
                skipped=skipped if options.skip_bad else None,
                window=options.window,
                stride=options.stride,
            )
            print(f"{name}: " + ", ".join(f"{split} {n}" for split, n in counts.items()))
            if skipped:
                print(f"{name}: {len(skipped)} bad questions left out; first: {skipped[0]}")
    except ValueError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
