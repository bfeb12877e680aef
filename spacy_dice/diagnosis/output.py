"""The folder of a diagnosis.

OUTPUT/diagnose.json      all that was found
OUTPUT/diagnose.txt       the same for people
OUTPUT/<component>.svg    the distribution of its labels
"""

import json
import re
from pathlib import Path

from .._files import filled_folder
from .._validation import refuse
from .diagnosis import Diagnosis
from .text import to_text

INDEX = "diagnose.json"
TEXT = "diagnose.txt"


def open_output(output: Path) -> None:
    """Refuse a folder that belongs to something else, and a computer that cannot draw.

    RAISES: FileExistsError, ValueError, ModuleNotFoundError.
    """
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output}: is not a folder")
    if output.is_dir() and any(output.iterdir()) and not (output / INDEX).is_file():
        refuse(str(output), f"is not empty and has no {INDEX}; take another output folder")
    try:
        from . import plots  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"plots need `pip install 'spacy-dice[report]'` ({error}); or leave out --output"
        ) from error


def write(diagnosis: Diagnosis, output: Path, *, full: bool = False) -> list[Path]:
    """Write JSON, text and plots; those of an earlier diagnosis are replaced.

    full: all labels in the text.
    RETURNS: the files, each of which appears whole under its name.
    RAISES: as `open_output`.
    """
    open_output(output)
    from .plots import draw

    names = {
        finding.component.name: file_name(finding.component.name) for finding in diagnosis.findings
    }
    index = output / INDEX
    old = json.loads(index.read_text(encoding="utf8")) if index.is_file() else {}
    # The index comes last: what it names is there.
    with filled_folder(output, last=INDEX) as folder:
        for finding in diagnosis.findings:
            draw(finding, folder / names[finding.component.name])
        (folder / TEXT).write_text(to_text(diagnosis, full=full), encoding="utf8")
        content = {**diagnosis.to_dict(), "plots": names}
        (folder / INDEX).write_text(json.dumps(content, indent=1) + "\n", encoding="utf8")
    for name in set(old.get("plots", {}).values()) - set(names.values()):
        (output / Path(name).name).unlink(missing_ok=True)
    return [output / name for name in (*names.values(), TEXT, INDEX)]


def file_name(component: str) -> str:
    """The name of the plot of a component."""
    return re.sub(r"[^\w.-]+", "_", component) + ".svg"
