"""Imports run one way, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spacy_dice

PACKAGE = Path(spacy_dice.__file__).parent

# What each part of the package may import of the others; all may import types.
MAY_IMPORT = {
    # Names that are looked up when they are asked for; see test_public_names.py.
    "__init__": None,
    "__main__": {"cli"},
    "_types": set(),
    "_validation": set(),
    "_lazy": set(),
    "_files": set(),
    "_locks": set(),
    "_plotting": set(),
    "counts": set(),
    "_overlap": set(),
    "_gradients": {"_overlap"},
    "functional": {"_gradients", "_overlap"},
    "items": set(),
    "losses": {"_validation", "functional"},
    "queries": {"_validation"},
    "components": {"_validation", "_lazy", "functional", "counts", "items", "losses", "queries"},
    "torch": {"_validation"},
    "configs": {"_validation", "components"},
    "callbacks": {"_validation", "losses", "components"},
    "scorers": {"_validation", "counts", "items", "queries"},
    "corpora": {"_files"},
    "metrics": {"_validation", "functional", "counts"},
    "calibration": {
        "_validation",
        "_files",
        "counts",
        "items",
        "components",
        "metrics",
        "scorers",
    },
    "estimators": {
        "_validation",
        "functional",
        "counts",
        "metrics",
        "losses",
        "components",
        "callbacks",
        "calibration",
    },
    "experiments": None,  # everything but what is above it
    "tuning": {
        "_validation",
        "_files",
        "_locks",
        "_plotting",
        "configs",
        "components",
        "calibration",
        "experiments",
    },
    "diagnosis": {
        "_validation",
        "configs",
        "_files",
        "_plotting",
        "losses",
        "components",
        "experiments",
    },
    "cli": None,
    "_spacy_cli": {"cli"},
}


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports_of(path):
    """The parts of the package that a module imports, wherever in the module."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level == depth:
                names = [node.module] if node.module else [alias.name for alias in node.names]
            elif node.level == 0 and (node.module or "").split(".")[0] == "spacy_dice":
                names = [node.module.removeprefix("spacy_dice").lstrip(".")]
            else:
                continue
            yield from (name.split(".")[0] for name in names if name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("spacy_dice."):
                    yield alias.name.split(".")[1]


def test_every_part_is_in_the_table():
    assert {part_of(path) for path in PACKAGE.rglob("*.py")} <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_run_one_way(path):
    part = part_of(path)
    allowed = MAY_IMPORT[part]
    if allowed is None:
        allowed = set(MAY_IMPORT) - (
            {"cli", "diagnosis", "tuning"} if part == "experiments" else set()
        )
    assert set(imports_of(path)) - {part, "__version__", "_types"} <= allowed


@pytest.mark.parametrize("module", ["spacy_dice", "spacy_dice._validation", "spacy_dice.cli"])
def test_import_is_cheap(module):
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"spacy", "thinc", "torch", "sklearn", "matplotlib"} & set(loaded)


def test_a_pipeline_of_others_is_made_without_the_losses():
    """spaCy imports what the entry points of factories name, for whatever pipeline."""
    code = (
        "import spacy, sys\n"
        "nlp = spacy.blank('en')\n"
        "ours = [name for name in sys.modules if name.startswith('spacy_dice')]\n"
        "print(nlp.has_factory('dice_ner'), *ours)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    has_factory, *loaded = done.stdout.split()
    assert has_factory == "True"
    assert set(loaded) == {
        "spacy_dice",
        "spacy_dice._lazy",
        "spacy_dice._validation",
        "spacy_dice.components",
        "spacy_dice.components.defaults",
        "spacy_dice.components.factories",
    }


@pytest.mark.parametrize("name", ["time.time(", "datetime", "getmtime", "st_ctime", "st_atime"])
def test_nothing_asks_what_time_it_is(name):
    """Nothing goes wrong where the clock is set back; how long things take is told by another."""
    assert not [path for path in PACKAGE.rglob("*.py") if name in path.read_text(encoding="utf8")]
