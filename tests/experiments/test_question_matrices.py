"""The matrices of questions: what they ask for can be trained and calibrated, and is compared."""

import pytest
import spacy
from questions import QUESTIONS, question
from small_matrix import ROOT
from spacy.tokens import DocBin

from spacy_dice.components import COMPONENTS
from spacy_dice.experiments.definition import make_config
from spacy_dice.experiments.folder import read_records
from spacy_dice.experiments.matrix import read_matrix
from spacy_dice.experiments.report import write_report
from spacy_dice.experiments.runner import compare


@pytest.mark.parametrize("name", ["mrc_ner", "mrc_ner_trf"])
def test_entities_are_compared(name):
    matrix = read_matrix(ROOT / "configs" / "paper" / f"{name}.yml")
    for dataset in matrix.datasets.values():
        for row in matrix.rows_of(dataset.name):
            make_config(dataset, row)


@pytest.mark.parametrize("name", ["qa", "qa_trf"])
def test_rows_are_complete(name):
    """Each trained row makes a config; documents are normalized with a linear layer alone."""
    matrix = read_matrix(ROOT / "configs" / "paper" / f"{name}.yml")
    for dataset in matrix.datasets.values():
        for row in matrix.rows_of(dataset.name):
            if row.calibrate:
                assert row.calibrate in matrix.rows
                continue
            block = make_config(dataset, row)["components"]["qa"]
            is_linear = block["model"]["scorer"]["@layers"] == "Linear.v1"
            assert is_linear == (block["normalize"] == "document")
            assert set(dataset.scores) <= set(COMPONENTS["dice_query_spans"].scores)
            assert (block["scorer"]["gold"] == "all") == (block["decode"] == "all")


def test_compared(tmp_path):
    nlp = spacy.blank("en")
    docs = [question(nlp, i % len(QUESTIONS)) for i in range(8)]
    DocBin(docs=docs).to_disk(tmp_path / "all.spacy")
    corpora = "\n".join(f"    {part}: '{tmp_path}/all.spacy'" for part in ("train", "dev", "test"))
    (tmp_path / "matrix.yml").write_text(
        f"""
baseline: CE (document)
seeds: [0]
steps: 6
datasets:
  asked:
{corpora}
    config: '{ROOT / "configs" / "qa.cfg"}'
    component: qa
    scores: [answer_f, no_answer_acc]
    overrides:
      components.qa.model.width: 16
      components.qa.model.encoder.depth: 1
      components.qa.model.tok2vec.encode.depth: 1
      components.qa.model.tok2vec.embed.rows: [50, 50, 50, 50]
losses:
  CE (document):
    loss: dice.CE.v1
    overrides:
      components.qa.normalize: document
      components.qa.model.scorer.@layers: Linear.v1
  DSC: dice.DSC.v1
  DSC + threshold: {{calibrate: DSC}}
""",
        encoding="utf8",
    )
    summary = compare(read_matrix(tmp_path / "matrix.yml"), tmp_path / "results")
    assert (summary.trained, summary.failed) == (3, {})
    records = list(read_records(tmp_path / "results"))
    assert all(record["scores"] == ["answer_f", "no_answer_acc"] for record in records)
    overview = write_report(tmp_path / "results", plots=False)
    named = ["asked, answer F1", "asked, accuracy where there is none"]
    assert overview.header == ["loss", *named]
