"""What a distribution of labels means for the choice of a loss, and the block to paste.

`recommend` is the one place that knows which loss goes with which data.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from thinc.api import Config

from .._types import JSON
from .._validation import listed
from ..components import Component, Recipe
from ..configs import sections
from ..losses import F1
from .distribution import BALANCED, FEW, TOO_FEW, Distribution

Block = dict[str, JSON]

# With more, the block names no weights; the loss counts the labels itself, and gets the same.
WEIGHTS_IN_BLOCK = 12
# From this share on, one label is what the others are searched in: ham, or tokens inside sentences.
MAJORITY = 0.5


class Recommendation(NamedTuple):
    """A loss block, and why.

    recipe: what goes with it.
    """

    block: Block
    reason: str
    recipe: Recipe = Recipe()


def recommend(row: Component, found: Distribution) -> list[Recommendation]:
    """The losses for a component with such labels, the first choice first."""
    if found.is_balanced:
        return [Recommendation({"@losses": row.stock_loss}, "what spaCy itself trains on")]
    recipe = row.recipe
    choices = [Recommendation(dict(recipe.loss), recipe.why, recipe)]
    if row.output == "logistic":
        why = "aims at F1: examples that are easy already lose weight"
        return [*choices, Recommendation({"@losses": "dice.DSC.v1"}, why)]
    excluded = _excluded(found)
    if excluded and not recipe.for_macro:
        block: Block = {"@losses": "dice.F1.v1"}
        if [excluded] != list(F1().negatives):
            block["negatives"] = [excluded]
        why = f"pushes for recall: as long as little is found, {excluded} counts less"
    else:
        block = {"@losses": recipe.for_macro or "dice.MacroF1.v1"}
        why = "only if macro F1 is what counts: rare labels count for more"
    weighted = {"@losses": "dice.WCE.v1", **_weights(found)}
    return [
        *choices,
        Recommendation(block, why),
        Recommendation(weighted, "aims at recall of rare labels, at the cost of false positives"),
    ]


def expect(row: Component, found: Distribution) -> list[str]:
    """What can be expected of an F1-oriented loss with such labels, in sentences."""
    if found.is_balanced:
        sentences = [
            f"Balanced: no label is {BALANCED:g} times as frequent as another. Cross entropy and "
            "F1 ask for the same here; do not expect a gain from another loss."
        ]
    else:
        sentences = [_of_imbalance(found)]
        if row.output == "logistic":
            sentences.append(
                "spaCy's own loss for this component is a squared error, which hardly moves a rare "
                "positive. Cross entropy learns sooner, and at convergence gains anything from "
                "nothing, with one label that is not so rare, to many points of macro F1, with "
                "many that are: measure it, with several seeds (spacy dice compare), and calibrate "
                "both sides (spacy dice calibrate)."
            )
        else:
            sentences.append(
                "A loss adds no information. Expect anything from nothing to a few points of F1 "
                "from another one, and no gain in accuracy: measure it against cross entropy, with "
                "several seeds (spacy dice compare), and against tuned decisions (spacy dice "
                "calibrate)."
            )
    if found.between(0, TOO_FEW):
        sentences.append(
            f"Labels with fewer than {TOO_FEW} examples are hardly learned, whatever the loss: "
            "annotate more, merge them, or do not count on them."
        )
    if found.between(TOO_FEW, FEW):
        sentences.append(
            f"Labels with {TOO_FEW} to {FEW - 1} examples are learned less well, and their scores "
            "vary with the seed more than with the loss."
        )
    return [*sentences, found.note] if found.note else sentences


def to_snippet(name: str, factory: str | None, block: Mapping[str, JSON]) -> str:
    """A loss block as it stands in a config.

    name: of the component.
    factory: to be set in the block of the component; None if the one there takes a loss already.
    """
    lines = [f'# In [components.{name}]: factory = "{factory}"', ""] if factory else []
    return "\n".join(lines + sections(f"components.{name}.loss", block)) + "\n"


def to_settings(settings: Mapping[str, JSON]) -> str:
    """Settings as comments: the sections that they belong to are there already.

    settings: by their dotted names.
    """
    lines = []
    for name, value in settings.items():
        section, _, key = name.rpartition(".")
        lines.append(f"# In [{section}]: {key} = {json.dumps(value)}\n")
    return "".join(lines)


def to_command(name: str, options: Iterable[str], dev: Path | None) -> str:
    """The command that tunes the decisions of a trained component.

    name: of the component. options: more of the command. dev: the dev set, if it is known.
    """
    lines = [
        "python -m spacy dice calibrate training/model-best",
        shlex.quote(str(dev or "dev.spacy")),
        shlex.join(["training/model-calibrated", "--component", name, *options]),
    ]
    return " \\\n    ".join(lines) + "\n"


def _excluded(found: Distribution) -> str | None:
    """The label that the others are searched in."""
    if found.majority is None:
        return None
    label, share = found.majority
    return label if label == found.background or share >= MAJORITY else None


def _weights(found: Distribution) -> Block:
    weights = found.weights()
    # Not every label can be a key in a config; the loss counts itself where there are no weights.
    if len(weights) > WEIGHTS_IN_BLOCK or not all(map(_is_key, weights)):
        return {}
    return {"class_weights": weights}


def _is_key(label: str) -> bool:
    if not label or label[0] in "@*":
        return False
    written = Config({"section": {label: 1.0}})
    try:
        return Config().from_str(written.to_str()) == written
    except ValueError:
        return False


def _of_imbalance(found: Distribution) -> str:
    if found.decisions is None:
        return "Imbalanced: nearly all candidates are no span."
    if found.majority is None:
        rarest = min(found.positives, key=lambda label: (found.positives[label] or 1, label))
        return (
            f"Imbalanced: {_percent(found.share(rarest))} of the {found.decision} have "
            f"{listed([rarest])}. The loss is low for a model that never says so; its F1 is 0."
        )
    label, share = found.majority
    if _excluded(found):
        return (
            f"Imbalanced: {_percent(share)} of the {found.decision} are {label}, and cross entropy "
            "is low for a model that says nothing else; F1 leaves these true negatives out."
        )
    return (
        f"Imbalanced, though no label has most of the {found.decision}: the rare ones hardly count "
        "in cross entropy or accuracy, and as much as the others in macro F1."
    )


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.1f} %"
