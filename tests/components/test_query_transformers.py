"""Answers by a transformer: what it cuts off is refused or windowed, never lost."""

import pytest
import spacy
from pipelines import finder_model
from questions import QUESTIONS, question, questions
from small_matrix import ROOT
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import Adam, Config
from tiny_transformer import LISTENER, save_bert, transformer

from spacy_dice.queries import answer, make_query_doc

pytest.importorskip("spacy_transformers", reason="spacy-transformers is not installed")
# What thinc, torch and transformers do among themselves.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:torch")
LONG = " ".join(["She likes it."] * 30)


@pytest.fixture(scope="module")
def nlp(tmp_path_factory):
    block = transformer(save_bert(tmp_path_factory.mktemp("bert")))
    block["model"]["get_spans"] = {"@span_getters": "spacy-transformers.doc_spans.v1"}
    block["model"]["tokenizer_config"]["model_max_length"] = 100
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=block)
    settings = {"model": finder_model(LISTENER), "threshold": 0.0, "decode": "best"}
    nlp.add_pipe("dice_query_spans", name="reader", config=Config(settings).copy())
    nlp.initialize(lambda: questions(nlp))
    nlp.update(questions(nlp), sgd=Adam(0.001))
    return nlp


def test_short_contexts(nlp):
    for i in range(len(QUESTIONS)):
        doc = nlp(question(nlp, i))
        [found] = doc.spans["answer"]
        assert found.start >= doc.spans["query"][0].end


def test_what_is_cut_off(nlp):
    with pytest.raises(ValueError, match=r"the transformer took \d+ of the \d+ words .* window"):
        answer(nlp, "Who is it?", LONG)
    [found] = answer(nlp, "Who is it?", LONG, window=8, stride=4)
    assert LONG[found.start : found.end] == found.text


def test_what_is_cut_off_in_training(nlp):
    query, context = nlp.make_doc("Who is it?"), nlp.make_doc(LONG)
    gold = make_query_doc(nlp.vocab, query, context)
    gold.spans["answer"] = [gold[5:6]]
    with pytest.raises(ValueError, match=r"the transformer took \d+ of the \d+ words .* window"):
        nlp.update([*questions(nlp), Example(gold.copy(), gold)])


def test_windows_are_merged(nlp):
    """The most probable answer of all windows, at its place in the whole context."""
    pipe = nlp.get_pipe("reader")
    [best] = answer(nlp, "Who is it?", LONG, window=8, stride=4)
    pipe.cfg["decode"] = "all"
    try:
        found = answer(nlp, "Who is it?", LONG, window=8, stride=4)
    finally:
        pipe.cfg["decode"] = "best"
    assert len({(one.start, one.end) for one in found}) == len(found) > 1
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(LONG[one.start : one.end] == one.text for one in found)
    assert max(one.end for one in found) == len(LONG)
    assert best.score >= found[0].score


def test_a_separator_that_the_tokenizer_does_not_know(nlp):
    pipe = nlp.get_pipe("reader")
    pipe.cfg["separator"] = "</s>"
    try:
        with pytest.raises(ValueError, match=r"makes \d+ word pieces of the separator '</s>'"):
            answer(nlp, "Who is it?", "She is.")
    finally:
        pipe.cfg["separator"] = "[SEP]"


@pytest.mark.parametrize("name", ["qa", "qa_trf", "mrc_ner", "mrc_ner_trf"])
@pytest.mark.parametrize("normalize", ["token", "document"])
def test_shipped_configs_train(name, normalize, tmp_path):
    nlp = spacy.blank("en")
    docs = [question(nlp, i) for i in range(len(QUESTIONS))]
    DocBin(docs=docs).to_disk(tmp_path / "all.spacy")
    corpus, component = str(tmp_path / "all.spacy"), name.removesuffix("_trf")
    overrides = {
        "paths.train": corpus,
        "paths.dev": corpus,
        "training.max_steps": 4,
        "training.eval_frequency": 2,
        f"components.{component}.decode": "best",
        f"components.{component}.threshold": 0.0,
        f"components.{component}.normalize": normalize,
    }
    if normalize == "document":
        overrides[f"components.{component}.model.scorer.@layers"] = "Linear.v1"
    if name.endswith("_trf"):
        overrides["paths.transformer"] = save_bert(tmp_path / "bert")
    spacy_train(ROOT / "configs" / f"{name}.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert {"answer_f", "answer_em"} <= set(nlp.meta["performance"])
    [found] = answer(nlp, *QUESTIONS[0][:2])
    assert found.text in QUESTIONS[0][1]
