"""Run spaCy's own tests with its factories replaced by the ones of this package.

    python tests/spacy_suite.py [arguments for pytest]

Every trainable component is made by its `dice_*` factory, with the loss that equals spaCy's: CE for
softmax layers, SE for others. Some of spaCy's tests look at the value that is reported, which in
spaCy is the sum of squared gradients, or their mean (textcat); so that is what is reported here,
beside the gradient of our losses. No test is left out.
"""

import inspect
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import spacy
from spacy.util import registry

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
    "pipeline/test_initialize.py",
    "pipeline/test_morphologizer.py",
    "pipeline/test_pipe_factories.py",
    "pipeline/test_pipe_methods.py",
    "pipeline/test_senter.py",
    "pipeline/test_span_finder.py",
    "pipeline/test_spancat.py",
    "pipeline/test_tagger.py",
    "pipeline/test_textcat.py",
    "pipeline/test_tok2vec.py",
    "serialize/test_serialize_config.py",
    "serialize/test_serialize_language.py",
    "serialize/test_serialize_pipeline.py",
    "training/test_rehearse.py",
    "training/test_training.py",
]


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
        MADE.add(row.stock)
        return component

    make.__signature__ = inspect.signature(stock)
    registry.factories.register(row.stock, func=make)


MADE: set[str] = set()


def main(arguments):
    """Run the tests; return the exit code."""
    for name in components.COMPONENTS:
        redirect(name)
    folder = Path(spacy.__file__).parent / "tests"
    with tempfile.TemporaryDirectory() as empty:
        # Away from the settings of this project, which makes errors of warnings.
        os.chdir(empty)
        Path("pytest.ini").write_text("[pytest]\n")
        options = ["-q", "-rfE", "-c", "pytest.ini", "-p", "no:cacheprovider", "-W", "ignore"]
        code = pytest.main([*options, *(str(folder / name) for name in FILES), *arguments])
        os.chdir("/")
    missing = {row.stock for row in components.COMPONENTS.values()} - MADE
    if missing and not arguments:
        print(f"never made by these tests: {sorted(missing)}")
        return 1
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
