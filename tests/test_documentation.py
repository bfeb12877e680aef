"""README and docs: every example runs or is a recorded output, and every link leads somewhere."""

import importlib.util
import json
import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import matplotlib
import pytest
import spacy
import spacy.cli
import srsly
import typer
from promises import PAGE as GUARANTEES
from promises import name_of_test, rows_of, with_counts
from spacy import registry
from spacy.util import load_config
from thinc.api import Config
from typer.testing import CliRunner

from spacy_dice.components import COMPONENTS
from spacy_dice.experiments.matrix import parse_matrix
from spacy_dice.tuning.space import flat, make_space

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[\w-]+) -->\n)?```(?P<language>\w*)[^\n]*\n(?P<source>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


class Block(NamedTuple):
    """A block of code: where it stands, what it is in, and the name in a comment right above it."""

    page: Path
    line: int
    language: str
    source: str
    mark: str | None


def blocks_of(page):
    text = page.read_text(encoding="utf8")
    return [
        Block(
            page,
            text.count("\n", 0, match.start("source")),
            match["language"],
            match["source"],
            match["mark"],
        )
        for match in FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def each(language):
    """A test for each block in a language, with the name of its page and its line."""
    found = [block for block in BLOCKS if block.language == language]
    return pytest.mark.parametrize(
        "block", found, ids=[f"{block.page.name}:{block.line}" for block in found]
    )


def run_python(page):
    """Run the blocks one after the other; each sees the names of those before. Return how many."""
    names = {"__name__": "page"}
    blocks = [block for block in blocks_of(page) if block.language == "python"]
    for block in blocks:
        # Empty lines first, so that a traceback names the line of the page.
        exec(compile("\n" * block.line + block.source, str(page), "exec"), names)
    return len(blocks)


WITH_PYTHON = [page for page in PAGES if any(b.language == "python" for b in blocks_of(page))]


# What Lightning does with PyTorch, and advises.
@pytest.mark.filterwarnings("ignore::FutureWarning:typing_extensions|lightning.*")
@pytest.mark.filterwarnings("ignore::UserWarning:lightning.*")
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_python_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_python(page) > 0


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    notebook = json.loads((ROOT / "docs" / "first-pipeline.ipynb").read_text(encoding="utf8"))
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "notebook"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "first-pipeline.ipynb", "exec"), names)
    assert (tmp_path / "training" / "calibrated" / "meta.json").is_file()
    assert names["calibrated"](names["doc"].text).has_annotation("ENT_IOB")


def test_an_example_that_fails_is_found(tmp_path):
    broken = tmp_path / "page.md"
    broken.write_text("text\n\n```python\nx = 1\n```\n```bash\nnot Python\n```\n", encoding="utf8")
    assert run_python(broken) == 1
    broken.write_text(broken.read_text() + "```python\nassert x == 2\n```\n", encoding="utf8")
    with pytest.raises(AssertionError) as raised:
        run_python(broken)
    assert raised.traceback[-1].lineno + 1 == 10


def test_every_block_is_of_a_kind_that_is_tested():
    assert {block.language for block in BLOCKS} <= {"python", "ini", "bash", "yaml", "text"}


def whole_config(source):
    """The block in a config that has the sections that every config of spaCy's has."""
    sections = re.findall(r"^\[([\w.]+)\]$", source, flags=re.MULTILINE)
    around = [name.split(".")[0] for name in sections]
    around += [".".join(name.split(".")[:2]) for name in sections if "components" in name]
    missing = [name for name in dict.fromkeys(around) if name not in sections]
    return "".join(f"[{name}]\n" for name in missing) + source


def check_config(source):
    """Resolve what a config names, and make its components."""
    config = Config().from_str(whole_config(source), interpolate=False)
    for name, block in config.get("components", {}).items():
        if "factory" in block:
            settings = {key: value for key, value in block.items() if key != "factory"}
            spacy.blank("en").add_pipe(block["factory"], name=name, config=settings)

    def resolve(block):
        if any(key.startswith("@") for key in block):
            # The libraries of loggers need not be there; their settings are checked before.
            with suppress(ImportError):
                registry.resolve({"block": block})
        else:
            for value in block.values():
                if isinstance(value, dict):
                    resolve(value)

    resolve(config)


@each("ini")
def test_configs_are_valid(block):
    check_config(block.source)


@pytest.mark.parametrize(
    "source",
    [
        '[components.ner]\nfactory = "dice_nerr"\n',
        '[components.ner.loss]\n@losses = "dice.DCS.v1"\n',
        '[components.ner.loss]\n@losses = "dice.DSC.v1"\ncweight = 1\n',
    ],
)
def test_a_config_that_is_wrong_is_found(source):
    with pytest.raises(Exception, match=r"dice_nerr|DCS|cweight"):
        check_config(source)


@each("yaml")
def test_matrices_and_searches_are_valid(block):
    content = srsly.yaml_loads(block.source)
    if block.mark == "search":
        values = flat(load_config(ROOT / "configs" / "ner.cfg", interpolate=True))
        make_space(COMPONENTS["dice_ner"], values, content, "page")
    else:
        parse_matrix(content, name="page", owner="page")


@each("text")
def test_outputs_are_recorded(block):
    recorded = [path.read_text(encoding="utf8") for path in ROOT.glob("metrics/**/*.txt")]
    assert block.source in recorded


@pytest.fixture(scope="module")
def cli():
    """spaCy's command line, with the commands of this package."""
    registry.cli.get_all()  # what finds them
    return spacy.cli.app


@pytest.fixture(scope="module")
def project():
    return srsly.read_yaml(ROOT / "project.yml")


def commands_in(source):
    """The commands of a block, as lists of words."""
    for line in source.replace("\\\n", " ").splitlines():
        for command in line.split("&&"):
            if words := shlex.split(command, comments=True):
                yield words


def check_command(words, cli, project):
    """Refuse options, arguments, scripts and steps of the project that there are not."""
    if words[:3] == ["python", "-m", "spacy"]:
        rest = words[3:]
        if rest[:2] == ["project", "run"]:
            assert rest[2] in {*project["workflows"], *(c["name"] for c in project["commands"])}
        check_arguments(typer.main.get_command(cli), rest)
    elif words[:3] == ["python", "-m", "pip"] or words[:3] == ["python", "-m", "pytest"]:
        for extra in re.findall(r"\.\[([\w,]+)\]", " ".join(words)):
            declared = (ROOT / "pyproject.toml").read_text(encoding="utf8")
            for name in extra.split(","):
                assert re.search(rf"^{name} = \[", declared, flags=re.MULTILINE), name
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), words[1]
    else:
        assert words[0] in {"ruff", "mypy", "mkdocs", "git", "cd"}, words


def check_arguments(command, words):
    """Parse what stands behind `spacy`, without doing it: files need not be there."""
    context, name = None, "spacy"
    while True:
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
        context.resilient_parsing = False
        if not hasattr(command, "resolve_command"):
            break
        name, command, words = command.resolve_command(context, words)
    given, _, _ = command.make_parser(context).parse_args(list(words))
    for parameter in command.params:
        if parameter.required:
            assert parameter.name in given, parameter.name
            assert not parameter.value_is_missing(given[parameter.name]), parameter.name


@each("bash")
def test_commands_are_there(block, cli, project):
    for words in commands_in(block.source):
        check_command(words, cli, project)


@pytest.mark.parametrize(
    "command",
    [
        "python -m spacy dice calibrat model dev.spacy out",
        "python -m spacy dice calibrate model dev.spacy out --type",
        "python -m spacy dice calibrate model",
        "python -m spacy project run nothing",
        "python scripts/nothing.py",
        "python -m pip install -e .[nothing]",
        "curl nothing",
    ],
)
def test_a_command_that_is_not_there_is_found(command, cli, project):
    with pytest.raises(Exception, match=r"calibrat|--type|^dev|nothing"):
        check_command(shlex.split(command), cli, project)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_steps_of_the_project_in_the_text_are_there(page, project):
    known = {*project["workflows"], *(command["name"] for command in project["commands"])}
    text = " ".join(page.read_text(encoding="utf8").split())
    assert set(re.findall(r"spacy project run ([\w-]+)", text)) <= known


def test_how_much_is_fetched(project):
    extra = [asset.get("extra", False) for asset in project["assets"]]
    for page in ("README.md", "docs/benchmarks.md", "docs/project.md"):
        text = " ".join((ROOT / page).read_text(encoding="utf8").split())
        said = re.search(r"spacy project assets.*?(\d+) files, .*?--extra.*?(\d+) files, ", text)
        assert said, page
        assert list(map(int, said.groups())) == [extra.count(False), len(extra)], page


def test_the_first_pipeline(cli, tmp_path, monkeypatch):
    """The commands of "Getting started" work, one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "getting-started.md"
    blocks = [block for block in blocks_of(page) if block.mark == "walk"]
    assert len(blocks) == 3
    for block in blocks:
        for words in commands_in(block.source):
            result = CliRunner().invoke(cli, words[3:])
            assert result.exit_code == 0, (words, result.output, result.exception)
    assert (tmp_path / "training" / "calibrated" / "meta.json").is_file()


def anchors_of(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf8"))
    for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for match in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf8"))):
        target, _, anchor = match["target"].partition("#")
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), match[0]
        if anchor:
            assert anchor in anchors_of(path), match[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_markdown_in_html_is_read_as_such(page):
    for tag in re.findall(r"^<(?:details|div)\b.*?>", page.read_text("utf8"), flags=re.MULTILINE):
        assert " markdown" in tag, tag


def test_what_holds_a_promise_is_a_test():
    rows = rows_of(GUARANTEES.read_text(encoding="utf8"))
    assert len(rows) > 20
    for row in rows:
        path, _, name = name_of_test(row).partition("::")
        text = (ROOT / path).read_text(encoding="utf8")
        assert not name or f"def {name}(" in text, row
        # A dash, where nobody has counted yet.
        if row[3:] != ["-", "-"]:
            tried, held = (int(number.replace(",", "")) for number in row[3:])
            assert tried == held > 0, row
    counted = [row for row in rows if row[3] != "-"]
    assert len(counted) > len(rows) / 2


def test_counts_of_promises_replace_those_before():
    page = GUARANTEES.read_text(encoding="utf8")
    name = "tests/test_functional.py::test_gradient_equals_autograd"
    changed = with_counts(
        page, {name: (12345, 12344), "tests/test_files.py::test_filled_folder": (1, 1)}
    )
    differing = [
        pair for pair in zip(rows_of(page), rows_of(changed), strict=True) if pair[0] != pair[1]
    ]
    ((before, after),) = differing
    assert after == [*before[:3], "12,345", "12,344"]
    assert name_of_test(after) == name


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf8")
    for page in PAGES[1:]:
        assert f": {page.relative_to(ROOT / 'docs').as_posix()}\n" in menu, page.name


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 12_000


def load(name):
    specification = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_figures_are_fresh(tmp_path):
    figures = load("figures")
    folder = ROOT / "docs" / "figures"
    assert {path.stem for path in folder.iterdir()} == set(figures.FIGURES)
    figures.main(tmp_path)
    for path in tmp_path.iterdir():
        recorded = (folder / path.name).read_bytes()
        if f"Matplotlib v{matplotlib.__version__}".encode() in recorded:
            assert recorded == path.read_bytes(), "run: python scripts/figures.py docs/figures"


@pytest.mark.parametrize(
    ("source", "page", "link", "expected"),
    [
        ("README.md", "index.md", "[a](docs/losses.md#x)", "[a](losses.md#x)"),
        ("README.md", "index.md", "![a](docs/figures/x.svg)", "![a](figures/x.svg)"),
        ("docs/losses.md", "losses.md", "[a](../README.md)", "[a](index.md)"),
        ("docs/losses.md", "losses.md", "[a](which-loss.md)", "[a](which-loss.md)"),
        ("docs/losses.md", "losses.md", "[a](../configs)", "[a](R/tree/main/configs)"),
        ("docs/losses.md", "losses.md", "[a](../LICENSE)", "[a](R/blob/main/LICENSE)"),
        ("docs/losses.md", "losses.md", "![a](../metrics/x.svg)", "![a](metrics/x.svg)"),
        ("docs/losses.md", "losses.md", "[a](https://a.b/c)", "[a](https://a.b/c)"),
        ("docs/losses.md", "losses.md", "[a](#settings)", "[a](#settings)"),
    ],
)
def test_links_on_the_site(source, page, link, expected):
    site = load("site_links")
    match = site.LINK.fullmatch(link)
    assert site._rewritten(match, source, page, {"repo_url": "R/"}) == expected
