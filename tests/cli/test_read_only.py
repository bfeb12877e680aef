"""Output folders that may not be written to."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from small_matrix import ROOT, train, write_corpora, write_matrix

from spacy_dice._files import write_json

COMMANDS = {
    "corpus": ["corpus", "{there}/new"],
    "init-config": ["init-config", "{model}/config.cfg", "{there}/new.cfg"],
    "compare": ["compare", "{matrix}", "--output", "{there}/new"],
    "compare, into it": ["compare", "{matrix}", "--output", "{there}"],
    "report": ["report", str(ROOT / "metrics" / "spans"), "--no-plots", "-o", "{there}/new"],
    "diagnose": ["diagnose", "{dev}", "--output", "{there}/new"],
    "calibrate": ["calibrate", "{model}", "{dev}", "{there}/new"],
    "evaluate": ["evaluate", "{model}", "{dev}", "--output", "{there}/new.json"],
}
# Commands one by one in one process, as JSON: those to run in, what they come to out.
RUN = """
import json, sys
from typer.testing import CliRunner
from spacy_dice.cli import app

ended = {}
for name, words in json.load(sys.stdin).items():
    done = CliRunner().invoke(app, words)
    ended[name] = done.exit_code, done.output, repr(done.exception)
print("ENDED", json.dumps(ended), sep="")
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """What each command comes to, as a user for whom permissions count."""
    if sys.platform == "win32":
        pytest.skip("folders have no such permission")
    user = []
    if os.geteuid() == 0:
        # Root without the right to pass over permissions.
        if not shutil.which("setpriv"):
            pytest.skip("root may write everywhere, and setpriv is not there to change that")
        user = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    folder = tmp_path_factory.mktemp("read_only")
    there = folder / "there"
    index = {"name": "small", "baseline": "CE", "datasets": [], "losses": []}
    write_json(there / "matrix.json", index)
    train("tagger").to_disk(folder / "model")
    names = {
        "there": there,
        "matrix": write_matrix(folder),
        "model": folder / "model",
        "dev": write_corpora(folder / "corpus")["dev"],
    }
    commands = {
        name: [word.format_map(names) for word in words] for name, words in COMMANDS.items()
    }
    there.chmod(0o555)
    done = subprocess.run(
        [*user, sys.executable, "-W", "ignore", "-c", RUN],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [path.name for path in there.iterdir()] == ["matrix.json"]
    return json.loads(done.stdout.partition("ENDED")[2])


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_read_only(ended, command):
    code, output, exception = ended[command]
    assert code == 1, exception
    (line,) = [line for line in output.splitlines() if line.startswith("✘ ")]
    assert "Permission denied" in line
    assert "there" in line
    assert "Traceback" not in output
