"""What is imported is declared, and what is built holds what it should."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import jinja2
import pytest
import srsly
from setuptools.config.pyprojecttoml import load_file

import spacy_dice

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "spacy_dice"
PROJECT = load_file(ROOT / "pyproject.toml")["project"]
DISTRIBUTIONS = packages_distributions()


def names_of(requirements):
    return {normalized(re.match(r"[\w.-]+", line).group()) for line in requirements}


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def imported():
    """Distribution -> the modules of this package that import it."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for name in {name.split(".")[0] for name in names} - {"spacy_dice"}:
                if name not in sys.stdlib_module_names:
                    distribution = normalized(DISTRIBUTIONS.get(name, [name])[0])
                    found.setdefault(distribution, set()).add(path.relative_to(PACKAGE).as_posix())
    return found


def test_conda_recipe_says_the_same():
    text = (ROOT / ".conda" / "meta.yaml").read_text(encoding="utf8")
    recipe = srsly.yaml_loads(jinja2.Template(text).render(PYTHON="python"))
    assert recipe["package"] == {"name": PROJECT["name"], "version": spacy_dice.__version__}
    python, *needed = (line.split(" ", 1) for line in recipe["requirements"]["run"])
    assert python == ["python", PROJECT["requires-python"]]
    declared = [re.match(r"([\w.-]+)(.*)", line).groups() for line in PROJECT["dependencies"]]
    assert [(normalized(n), spec) for n, spec in needed] == [
        (normalized(n), s) for n, s in declared
    ]
    build = load_file(ROOT / "pyproject.toml")["build-system"]["requires"]
    host = [line.replace(" ", "") for line in recipe["requirements"]["host"]]
    assert set(build) <= set(host)
    scripts = [f"{name} = {target}" for name, target in PROJECT["scripts"].items()]
    assert recipe["build"]["entry_points"] == scripts
    about = recipe["about"]
    assert about["summary"] == PROJECT["description"]
    assert about["license"] == PROJECT["license"]
    assert [about["license_file"]] == PROJECT["license-files"]
    assert about["home"] == PROJECT["urls"]["Source"]
    assert about["doc_url"] == PROJECT["urls"]["Documentation"]


def test_badges_say_what_is_declared():
    badges = (ROOT / "README.md").read_text(encoding="utf8").split("\n\n")[1]
    versions = [
        line.rsplit(" ", 1)[1]
        for line in PROJECT["classifiers"]
        if re.search(r":: Python :: 3\.\d+$", line)
    ]
    assert f"python-{versions[0]}_to_{versions[-1]}-blue" in badges
    assert f"licence-{PROJECT['license']}-blue" in badges
    assert f"pypi/v/{PROJECT['name']})" in badges
    workflow = re.search(rf"{PROJECT['urls']['Source']}/actions/workflows/(\w+\.yml)/badge", badges)
    assert (ROOT / ".github" / "workflows" / workflow[1]).is_file()


# What users bring along: these extras are for them, and what is in no extra but these is optional.
EXTRAS = ("torch", "transformers", "report", "tune", "dask")


def test_imports_are_declared():
    declared = names_of(PROJECT["dependencies"])
    for extra in EXTRAS:
        declared |= names_of(PROJECT["optional-dependencies"][extra])
    missing = {name: paths for name, paths in imported().items() if name not in declared}
    assert not missing


def test_declarations_are_imported():
    assert names_of(PROJECT["dependencies"]) <= set(imported())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("build")
    source, output = folder / "source", folder / "dist"
    output.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("spacy_dice", "tests", "configs", "scripts"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    code = (
        "import sys; from setuptools import build_meta\n"
        "output = sys.argv[1]\n"  # Building replaces the arguments.
        "build_meta.build_sdist(output); build_meta.build_wheel(output)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(output)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def names(built):
    """The names of the files in both."""
    wheel, sdist = built
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    return in_wheel, in_sdist


def test_wheel_holds_the_package_and_nothing_else(names):
    wheel, _ = names
    files = {name for name in wheel if ".dist-info/" not in name}
    sources = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert files == {path.relative_to(ROOT).as_posix() for path in sources}
    assert {"spacy_dice/py.typed", "spacy_dice/corpora/harbour.jsonl"} <= files


def test_sdist_holds_what_the_wheel_is_built_from_and_no_tests(names):
    wheel, sdist = names
    assert {name for name in wheel if ".dist-info/" not in name} <= sdist
    assert {"pyproject.toml", "README.md", "LICENSE"} <= sdist
    assert not {"tests", "metrics", "configs", "scripts"} & {name.split("/")[0] for name in sdist}


# Runs where the sdist is installed.
INSTALLED = """
import sys
from importlib.metadata import entry_points
import numpy, spacy, spacy_dice
from thinc.api import registry

assert spacy_dice.__file__.startswith(sys.prefix), spacy_dice.__file__
value, gradient = spacy_dice.DSC()(numpy.array([[0.25, 0.75]], dtype="f"), numpy.array([1]))[::-1]
assert value > 0 and gradient.shape == (1, 2)
for group in ("spacy_factories", "spacy_callbacks", "spacy_scorers", "thinc_losses"):
    found = [point for point in entry_points(group=group) if point.dist.name == "spacy-dice"]
    assert found
    for point in found:
        assert point.load().__module__.startswith("spacy_dice")
spacy.blank("en").add_pipe("dice_tagger")
"""


def test_what_is_installed_from_the_sdist_works(built, tmp_path):
    """In an environment of its own, that shares nothing but the dependencies."""
    venv.create(tmp_path / "venv", with_pip=False)
    binaries = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = str(binaries / "python")

    def run(*command, **options):
        # Not from here, where the sources are.
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    shared = [path for path in sys.path if "site-packages" in path]
    Path(site, "shared.pth").write_text("\n".join(shared), encoding="utf8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed"]
    run(*pip, "install", *options, str(built[1]))
    run(python, "-W", "ignore", "-c", INSTALLED)
    written = run(str(binaries / "spacy-dice"), "corpus", "corpus")
    assert written.count("documents") == 3
    assert {path.name for path in (tmp_path / "corpus").iterdir()} == {
        "train.spacy",
        "dev.spacy",
        "test.spacy",
    }
