"""Run spaCy's own tests with its factories replaced by the ones of this package.

    python tests/spacy_suite.py [arguments for pytest]
    python tests/spacy_suite.py --find
    python tests/spacy_suite.py --slow --promises

Every trainable component is made by its `dice_*` factory, with the loss that equals spaCy's: CE for
softmax layers, SE for others. Some of spaCy's tests look at the value that is reported, which in
spaCy is the sum of squared gradients, or their mean (textcat); so that is what is reported here,
beside the gradient of our losses. No file is left out in which any of our components is made, and
no test in them but those in `EXCEPT`. With `--slow` the tests run, too, that spaCy marks as slow.

`--find` runs all of spaCy's tests, and fails if a component is made in a file that is not listed.
`--promises` writes how many tests ran and passed into the table of promises in the documentation.
"""

import inspect
import os
import sys
import tempfile
import unittest.mock
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import spacy
from spacy.util import registry
from support import promises

from spacy_dice import components
from spacy_dice.components.probed import SOFTMAX
from spacy_dice.losses import CE, SE, RegisteredLoss

FILES = [
    "parser/test_add_label.py",
    "parser/test_arc_eager_oracle.py",
    "parser/test_ner.py",
    "parser/test_neural_parser.py",
    "parser/test_parse.py",
    "parser/test_parse_navigate.py",
    "parser/test_preset_sbd.py",
    "parser/test_space_attachment.py",
    "pipeline/test_annotates_on_update.py",
    "pipeline/test_edit_tree_lemmatizer.py",
    "pipeline/test_entity_linker.py",
    "pipeline/test_initialize.py",
    "pipeline/test_models.py",
    "pipeline/test_morphologizer.py",
    "pipeline/test_pipe_factories.py",
    "pipeline/test_pipe_methods.py",
    "pipeline/test_senter.py",
    "pipeline/test_span_finder.py",
    "pipeline/test_spancat.py",
    "pipeline/test_tagger.py",
    "pipeline/test_textcat.py",
    "pipeline/test_tok2vec.py",
    "serialize/test_resource_warning.py",
    "serialize/test_serialize_config.py",
    "serialize/test_serialize_doc.py",
    "serialize/test_serialize_language.py",
    "serialize/test_serialize_pipeline.py",
    "test_cli.py",
    "test_cli_app.py",
    "test_language.py",
    "test_misc.py",
    "test_scorer.py",
    "test_ty.py",
    "training/test_logger.py",
    "training/test_pretraining.py",
    "training/test_readers.py",
    "training/test_rehearse.py",
    "training/test_training.py",
]

# Tests that say nothing about components, by the reason.
_NETWORK = "downloads"
_RAW = "the model has no output layer, and a loss needs probabilities: our component refuses it"
EXCEPT = {
    "test_cli.py::test_download_compatibility": _NETWORK,
    "test_cli.py::test_validate_compatibility_table": _NETWORK,
    "test_cli_app.py::test_project_assets": _NETWORK,
    "test_cli_app.py::test_project_clone": _NETWORK,
    # Slow ones.
    "training/test_readers.py::test_cat_readers": _NETWORK,
    # spaCy trains them on a squared error without bounds.
    "pipeline/test_textcat.py::test_textcat_configs[textcat_multilabel-train_data8-": _RAW,
    "pipeline/test_textcat.py::test_textcat_configs[textcat_multilabel-train_data12-": _RAW,
}


class Reported(RegisteredLoss):
    """A loss whose value is what spaCy reports."""

    def evaluate(self, batch):
        _, gradient = super().evaluate(batch)
        squares = gradient**2
        return float(squares.mean() if self.is_mean else squares.sum()), gradient


@dataclass(kw_only=True)
class ReportedCE(Reported, CE):
    is_mean: bool = False


@dataclass(kw_only=True)
class ReportedSE(Reported, SE):
    is_mean: bool = False


def redirect(name):
    """Let the stock factory behind the factory `name` of this package make what that one makes."""
    row = components.COMPONENTS[name]
    # What all of ours call is looked up with the first, so that this is no recursion.
    ours = getattr(components, f"make_{name}")
    stock = registry.factories.get(row.stock)

    def make(nlp, name, **settings):
        is_mean = row.stock.startswith("textcat")
        component = ours(nlp=nlp, name=name, loss=ReportedCE(is_mean=is_mean), **settings)
        if getattr(component, "output_layer", SOFTMAX) != SOFTMAX:
            component.set_loss(ReportedSE(is_mean=is_mean))
        MADE.add((row.stock, Files.current))
        return component

    make.__signature__ = inspect.signature(stock)
    registry.factories.register(row.stock, func=make)


# Those whose stock twin is spaCy's own, and not of this package as well.
TWINS = {
    name: row.stock
    for name, row in components.COMPONENTS.items()
    if not entry_points(group="spacy_factories", name=row.stock)
}
# The stock factories, and the files of the tests in which they made a component.
MADE: set[tuple[str, str]] = set()
TESTS = Path(spacy.__file__).parent / "tests"


class Files:
    """A plugin of pytest that knows which file a test is in, and leaves out those in `EXCEPT`.

    tried, held: how many tests ran, and how many of them passed.
    """

    current = ""

    def __init__(self):
        self.tried = self.held = 0

    def pytest_runtest_setup(self, item):
        Files.current = item.path.relative_to(TESTS).as_posix()

    def pytest_collection_modifyitems(self, config, items):
        names = {item: f"{item.path.relative_to(TESTS).as_posix()}::{item.name}" for item in items}
        left_out = [item for item in items if names[item].startswith(tuple(EXCEPT))]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]

    def pytest_runtest_logreport(self, report):
        # Not the parts of a test, which are reported, too.
        if report.when == "call" and not report.skipped and type(report) is pytest.TestReport:
            self.tried += 1
            self.held += report.passed


def main(arguments):
    """Run the tests; return the exit code."""
    # What spaCy's tests import from a package of that name is in the standard library now.
    sys.modules.setdefault("mock", unittest.mock)
    for name in TWINS:
        redirect(name)
    find = arguments == ["--find"]
    count = "--promises" in arguments
    arguments = [argument for argument in arguments if argument != "--promises"]
    paths = [TESTS] if find else [TESTS / name for name in FILES]
    with tempfile.TemporaryDirectory() as empty:
        # Away from the settings of this project, which makes errors of warnings.
        os.chdir(empty)
        Path("pytest.ini").write_text("[pytest]\n")
        options = ["-q", "-rfE", "-c", "pytest.ini", "-p", "no:cacheprovider", "-W", "ignore"]
        more = [] if find else arguments
        files = Files()
        code = pytest.main([*options, *map(str, paths), *more], plugins=[files])
        os.chdir("/")
    made, used = ({pair[i] for pair in MADE} for i in (0, 1))
    if find:
        print(f"components are made in {len(used)} files; not listed: {sorted(used - {*FILES})}")
        return int(bool(used - {*FILES}))
    if count:
        page = promises.PAGE.read_text(encoding="utf8")
        counts = {"tests/spacy_suite.py": (files.tried, files.held)}
        promises.PAGE.write_text(promises.with_counts(page, counts), encoding="utf8")
    missing = set(TWINS.values()) - made
    if missing and not arguments:
        print(f"never made by these tests: {sorted(missing)}")
        return 1
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
