"""project.yml, README, docs and the CI script agree with each other and with the package."""

import re
from pathlib import Path

import pytest
import srsly
from weasel.util import load_project_config

import first_hour
from corpora import DATASETS
from project import with_assets, with_project

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf8")
STALE = "run: python scripts/project.py"


@pytest.fixture(scope="module")
def project():
    return load_project_config(ROOT)


def test_page_of_the_project_is_fresh():
    page = (ROOT / "docs" / "project.md").read_text(encoding="utf8")
    assert page == with_project(page, ROOT), STALE


def test_assets_are_those_of_the_data_sets(project):
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    assert text == with_assets(text), STALE
    # What has to be unpacked by hand has no address. Data sets may share a file.
    addresses = {}
    for dataset in DATASETS.values():
        for part, file in dataset.files.items():
            if dataset.url:
                address = None if file.member else dataset.address(part)
                addresses.setdefault(f"assets/{dataset.asset(part)}", address)
    assert {asset["dest"]: asset.get("url") for asset in project["assets"]} == addresses
    assert sum(address is None for address in addresses.values()) == 3


def test_commands_convert_what_they_read(project):
    """So that one that lacks a file says which, and how to get it; weasel names the corpus."""
    for command in project["commands"]:
        script = " ".join(command["script"])
        # Paths into corpora, and the data sets of matrices.
        read = set(re.findall(r"corpus/([^/ ]+)/", script))
        for path, only in re.findall(r"(configs/[\w/]+\.yml)(?:.*?--dataset (\S+))?", script):
            datasets = srsly.read_yaml(ROOT / path)["datasets"]
            names = [only] if only else datasets
            read |= {
                datasets[name]["train"].split("/")[1] if name in datasets else name
                for name in names
            }
        converted = re.search(r"scripts/convert\.py --if-missing (.*?)( python |$)", script)
        found = set(converted[1].split()) if converted else set()
        if command["name"] == "first-hour":
            read = {first_hour.CORPUS.name}
        if command["name"] == "hf-wnut17":
            read = {"wnut17"}
        # What another command converts is a dependency.
        made = {dep.split("/")[1] for dep in command.get("deps", []) if dep.startswith("corpus/")}
        assert found == read - made, command["name"]
        assert not any(dep.startswith("assets/") for dep in command.get("deps", []))


def test_workflows_and_dependencies_fit_together(project):
    commands = {command["name"]: command for command in project["commands"]}
    made = {Path(output) for command in commands.values() for output in command.get("outputs", [])}
    made |= {Path(asset["dest"]) for asset in project["assets"]}
    corpora = {f"corpus/{name}" for name in DATASETS} | {"corpus/harbour", "corpus/harbour_spans"}
    for name, steps in project["workflows"].items():
        assert set(steps) <= set(commands), name
    for command in commands.values():
        for dep in command.get("deps", []):
            if dep.startswith("corpus/"):
                assert dep in corpora or Path(dep) in made, dep
            else:
                path = Path(dep)
                inside = any(path in (output, *output.parents) for output in made)
                assert inside or (ROOT / path).exists(), dep


def test_ci_runs_the_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    for name in re.findall(r"readme ([\w-]+)\)", script):
        block = re.search(rf"<!-- {name} -->\n```bash\n(.+?)\n```", README, flags=re.S)
        assert block, f"README has no commands below <!-- {name} -->"


def test_what_the_package_registers_is_documented():
    metadata = srsly.read_yaml(ROOT / "project.yml")
    assert metadata["title"] == "spacy-dice"
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf8")
    docs = "".join(path.read_text(encoding="utf8") for path in ROOT.glob("docs/*.md"))
    for name, module in re.findall(r'"(dice\.\w+\.v1)" = "spacy_dice\.(\w+)', pyproject):
        assert f"`{name}`" in docs or f'"{name}"' in docs
        assert module != "losses" or f"`{name}`" in README
