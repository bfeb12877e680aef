"""project.yml, README, docs and the CI script agree with each other and with the package."""

import re
from pathlib import Path

import pytest
import srsly
from weasel.cli.document import project_document
from weasel.util import load_project_config

from spacy_dice.corpora import DATASETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf8")
START, END = (f"<!-- WEASEL: AUTO-GENERATED DOCS {x} (do not remove) -->" for x in ("START", "END"))


@pytest.fixture(scope="module")
def project():
    return load_project_config(ROOT)


def test_page_of_the_project_is_fresh(tmp_path):
    project_document(ROOT, tmp_path / "section.md")
    # Links are written for a page beside project.yml.
    fresh = (tmp_path / "section.md").read_text(encoding="utf8").strip().replace("](", "](../")
    fresh = fresh.replace("](../http", "](http")
    page = (ROOT / "docs" / "project.md").read_text(encoding="utf8")
    section = page[page.index(START) : page.index(END) + len(END)]
    assert section == fresh, (
        "run: python -m spacy project document --output docs/project.md, "
        "and put ../ before the links to files"
    )


def test_assets_are_those_of_the_data_sets(project):
    addresses = {
        f"assets/{dataset.asset(part)}": dataset.address(part)
        for dataset in DATASETS.values()
        if dataset.url
        for part in dataset.files
    }
    assets = {asset["dest"]: asset for asset in project["assets"]}
    assert {dest: asset["url"] for dest, asset in assets.items()} == addresses
    for asset in assets.values():
        assert re.fullmatch("[0-9a-f]{32}", asset["checksum"])


def test_workflows_and_dependencies_fit_together(project):
    commands = {command["name"]: command for command in project["commands"]}
    made = {output for command in commands.values() for output in command.get("outputs", [])}
    made |= {asset["dest"] for asset in project["assets"]}
    for name, steps in project["workflows"].items():
        assert set(steps) <= set(commands), name
    for command in commands.values():
        for dep in command.get("deps", []):
            if "${" not in dep:
                inside = any(output.startswith(dep + "/") for output in made)
                assert dep in made or inside or (ROOT / dep).exists(), dep


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
