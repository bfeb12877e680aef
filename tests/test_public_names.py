"""The names that the package itself has."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import spacy_dice


def test_names_are_there_and_where_type_checkers_look_for_them():
    tree = ast.parse(Path(spacy_dice.__file__).read_text(encoding="utf8"))
    (stubs,) = [node for node in tree.body if isinstance(node, ast.If)]
    homes = {name.name: node.module for node in stubs.body for name in node.names}
    assert {*homes, "__version__"} == set(spacy_dice.__all__) <= set(dir(spacy_dice))
    for name, home in homes.items():
        value = getattr(spacy_dice, name)
        assert value.__name__ == name
        assert value.__doc__
        assert value.__module__.startswith(f"spacy_dice.{home}")


def test_no_name_is_that_of_a_module():
    """Importing a module puts it in the place of a name that is the same."""
    modules = {module.name for module in pkgutil.iter_modules(spacy_dice.__path__)}
    assert not modules & set(spacy_dice.__all__)


def test_other_names():
    with pytest.raises(AttributeError, match="module 'spacy_dice' has no attribute 'DCS'"):
        spacy_dice.DCS  # noqa: B018
    with pytest.raises(ImportError):
        from spacy_dice import DCS  # noqa: F401


def test_a_name_imports_what_it_needs():
    code = (
        "import sys\n"
        "from spacy_dice import DSC\n"
        "others = {'spacy', 'sklearn', 'spacy_dice.diagnosis'}\n"
        "print(*others & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


USER = """
from spacy_dice import DSC, SoftF1Classifier, calibrate, compare, diagnose, soft_f1_score

reveal_type(DSC())
reveal_type(SoftF1Classifier())
reveal_type(diagnose)
DSC(alpha="x")
"""


def test_type_checkers_know_them(tmp_path, monkeypatch):
    # Without the other packages, of which there are many, and little to be known here.
    monkeypatch.setenv("MYPYPATH", str(Path(spacy_dice.__file__).parents[1]))
    mypy = pytest.importorskip("mypy.api")
    file = tmp_path / "user.py"
    file.write_text(USER, encoding="utf8")
    options = ["--config-file=", "--ignore-missing-imports", "--no-site-packages"]
    output, _, _ = mypy.run([*options, f"--cache-dir={tmp_path}", str(file)])
    assert '"spacy_dice.losses.overlap.DSC"' in output
    assert '"spacy_dice.estimators.linear.SoftF1Classifier"' in output
    assert "Diagnosis" in output
    assert '"alpha" to "DSC" has incompatible type "str"' in output
