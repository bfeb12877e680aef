"""Record a terminal session: from `spacy init config` to a calibrated pipeline that scores better.

python scripts/first_hour.py

Every command is one that a person types; no file is edited by hand. The corpus is WNUT 2017.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from spacy_dice._files import write_text

CORPUS = Path("corpus/wnut17")
WORK = Path("training/first-hour")
RECORD = Path(__file__).parents[1] / "metrics" / "first_hour" / "session.txt"
# {corpus} and {work} are folders, {steps} is a maximum where one is asked for.
COMMANDS = (
    "python -m spacy init config {work}/config.cfg --lang en --pipeline ner",
    "python -m spacy dice diagnose {corpus}/train.spacy --dev {corpus}/dev.spacy"
    " --config {work}/config.cfg",
    "python -m spacy train {work}/config.cfg --output {work}/training"
    " --paths.train {corpus}/train.spacy --paths.dev {corpus}/dev.spacy{steps}",
    "python -m spacy evaluate {work}/training/model-best {corpus}/test.spacy",
    "python -m spacy dice calibrate {work}/training/model-best {corpus}/dev.spacy"
    " {work}/calibrated --types",
    "python -m spacy evaluate {work}/calibrated {corpus}/test.spacy",
)
# The columns of the terminal.
WIDTH = 100
# Colours and the like.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def commands_of(corpus: Path, work: Path, max_steps: int | None = None) -> list[str]:
    """The commands of the session, in order."""
    steps = "" if max_steps is None else f" --training.max_steps {max_steps}"
    return [command.format(corpus=corpus, work=work, steps=steps) for command in COMMANDS]


def run(command: str) -> str:
    """What a command prints on a terminal of a fixed width, without colours and warnings.

    RAISES: subprocess.CalledProcessError.
    """
    words = shlex.split(command)
    environment = {
        **os.environ,
        "COLUMNS": str(WIDTH),
        "PYTHONWARNINGS": "ignore",
        "WASABI_NO_PRETTY": "1",
    }
    output = subprocess.run(
        [sys.executable, *words[1:]],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf8",
        env=environment,
    ).stdout
    lines = [line.rstrip() for line in ESCAPES.sub("", output).splitlines()]
    # At most one empty line in a row, none at the ends.
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def session_of(commands: Sequence[str]) -> str:
    """The commands and what they print, as on a terminal."""
    return "\n".join(f"$ {command}\n{run(command)}\n" for command in commands)


def main() -> None:
    """Run the session, and record it."""
    WORK.mkdir(parents=True, exist_ok=True)
    session = session_of(commands_of(CORPUS, WORK))
    write_text(RECORD, session)
    print(session)


if __name__ == "__main__":
    main()
