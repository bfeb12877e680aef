"""Trained pipelines, of which several may count as one: by their mean, or the best of them."""

from collections.abc import Sequence
from pathlib import Path

import spacy
import srsly
from spacy.language import Language
from spacy.training.loop import DIR_MODEL_BEST

from ..components.ensembles import predict_together
from .logger import Log

# What training showed, beside the pipeline.
LOG = "log.json"


def load(pipelines: Sequence[Path], component: str) -> Language:
    """The pipeline; of several the first, with a component that predicts by the mean of them all.

    pipelines: folders of runs. RAISES: ValueError if their labels differ.
    """
    folders = [str(folder / DIR_MODEL_BEST) for folder in pipelines]
    nlp = spacy.load(folders[0])
    if len(folders) > 1:
        predict_together(nlp.get_pipe(component), folders)
    return nlp


def best_of(pipelines: Sequence[Path]) -> Path:
    """The one with the best dev score, by which its checkpoint was chosen too; of equals the first.

    pipelines: folders of runs.
    """

    def best_score(folder: Path) -> float:
        log: Log = srsly.read_json(folder / LOG)
        return max(score for _, score in log["curve"])

    return max(pipelines, key=best_score)
