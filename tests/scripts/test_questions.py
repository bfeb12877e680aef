"""Questions about paragraphs: how they are read, what is refused, and windows of them."""

import json
import re

import pytest
import spacy
from spacy.tokens import DocBin

import convert as convert_script
from corpora import DATASETS
from corpora.columns import read_entities
from corpora.questions import IN_BOTH, TRAIN_HALF
from corpora.splits import Negatives
from corpora.squad import ByTitle, read_queries, read_squad
from spacy_dice.queries import windows

NLP = spacy.blank("en")
CONTEXT = "In 1915-16 the (U.S.) Broncos won.\n\nThe  Broncos' coach was Kubiak."
WRONG = [
    ({"question": " "}, "the question is blank"),
    ({"answers": []}, "it has no answers, and is not said to be impossible"),
    ({"is_impossible": True}, "it is_impossible, but has 1 answers"),
    ({"answers": [{"text": " ", "answer_start": 2}]}, "an answer is blank: ' '"),
    (
        {"answers": [{"text": "Broncos", "answer_start": 21}]},
        "the answer 'Broncos' is not at its offset 21, where ' Bronco' is",
    ),
    (
        {"answers": [{"text": "In", "answer_start": -2}]},
        "the answer 'In' is not at its offset -2, where '' is",
    ),
]


def answers_at(*texts):
    return [{"text": text, "answer_start": CONTEXT.index(text)} for text in texts]


def record(**changes):
    return {"id": "q", "question": "Who won? ", "answers": answers_at("Broncos"), **changes}


@pytest.fixture
def write(tmp_path):
    """A function that writes a file of some questions about one paragraph."""

    def call(*records, title="Super_Bowl", name="questions.json"):
        paragraph = {"context": CONTEXT, "qas": list(records)}
        path = tmp_path / name
        path.write_text(json.dumps({"data": [{"title": title, "paragraphs": [paragraph]}]}))
        return path

    return call


def texts(doc, key="answer"):
    return [span.text for span in doc.spans.get(key, ())]


def test_answers_of_annotators(write):
    """The first is gold, the others are alternatives, each place once; tokens are cut for them."""
    answers = answers_at("15", "15", " (U.S.", "Kubiak")
    [doc] = read_squad(write(record(answers=answers)), NLP)
    assert doc.text == "Who won? [SEP] " + CONTEXT
    assert texts(doc) == ["15"]
    assert texts(doc, "answer_alternatives") == ["(U.S.", "Kubiak"]
    assert doc.spans["query"].attrs == {"id": "q"}
    assert doc.user_data["group"] == "Super_Bowl"


def test_parts_of_an_answer(write):
    answers = answers_at("Broncos", "Kubiak")
    [doc] = read_squad(write(record(answers=answers)), NLP, all_parts=True, separator="|")
    assert texts(doc) == ["Broncos", "Kubiak"]
    assert "answer_alternatives" not in doc.spans
    assert doc.text.startswith("Who won? | In")


def test_no_answer(write):
    [doc] = read_squad(write(record(answers=[], is_impossible=True)), NLP)
    assert texts(doc) == []
    assert "answer" in doc.spans


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_bad_questions(write, changes, message):
    path = write(record(id="bad", **changes), record(id="good"))
    expected = f"{path}: the question 'bad' of 'Super_Bowl': {message}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}.*--skip-bad$"):
        list(read_squad(path, NLP))
    skipped = []
    [doc] = read_squad(path, NLP, skipped=skipped)
    assert doc.user_data["id"] == "good"
    [problem] = skipped
    assert problem.startswith(f"the question 'bad' of 'Super_Bowl': {message}")


@pytest.mark.parametrize("content", ["", "[]", '{"data": [{"paragraphs": []}]}', '{"data": 3}'])
def test_what_is_not_of_that_form(tmp_path, content):
    path = tmp_path / "questions.json"
    path.write_text(content)
    if content.endswith("[]}]}"):
        assert list(read_squad(path, NLP)) == []
        return
    with pytest.raises(ValueError, match=r"questions\.json: expected JSON of SQuAD's form"):
        list(read_squad(path, NLP))


def test_articles_of_two_files(write):
    """What both have is taken from one of them."""
    [doc] = read_squad(write(record(), title="Huguenot"), NLP)
    cuts = DATASETS["squad_v1.1"].cuts
    assert "Huguenot" in {*TRAIN_HALF} & {*IN_BOTH}
    assert (cuts["dev"](doc), cuts["train"](doc)) == ("train", "")
    [doc] = read_squad(write(record(), title="Genghis_Khan"), NLP)
    assert cuts["dev"](doc) in ("dev", "test")
    assert ByTitle(["x"], split="", rest="train")(doc) == "train"


def test_the_script_counts_what_it_leaves_out(write, tmp_path, capsys):
    (tmp_path / "quoref").mkdir()
    bad = record(id="bad", question="")
    write(record(), bad, name=DATASETS["quoref"].asset("all"))
    arguments = ["quoref", "--assets", str(tmp_path), "--output", str(tmp_path / "corpus")]
    with pytest.raises(SystemExit):
        convert_script.main(arguments)
    assert "--skip-bad" in capsys.readouterr().err
    convert_script.main([*arguments, "--skip-bad"])
    out = capsys.readouterr().out
    assert "1 bad questions left out; first: the question 'bad' of 'Super_Bowl'" in out
    convert_script.main([*arguments, "--skip-bad", "--window", "8", "--stride", "4"])
    paths = (tmp_path / "corpus" / "quoref").glob("*.spacy")
    docs = [doc for path in paths for doc in DocBin().from_disk(path).get_docs(NLP.vocab)]
    assert len(docs) > 1
    assert {doc.spans["query"].attrs["id"] for doc in docs} == {"q"}


def test_windows_have_the_whole_context_and_every_answer(write):
    [doc] = read_squad(write(record(answers=answers_at("Broncos", "Kubiak"))), NLP, all_parts=True)
    context = len(doc) - doc.spans["query"][0].end
    size, stride = 6, 4
    made = windows(doc, size, stride)
    assert len(made) == -(-(context - size) // stride) + 1
    found = {}
    for window in made:
        [query] = window.spans["query"]
        assert query.text == doc.spans["query"][0].text
        offset = window.spans["query"].attrs["offset"]
        part = window[query.end :].text
        assert CONTEXT[offset : offset + len(part)] == part
        for span in window.spans["answer"]:
            start = offset + span.start_char - len(query.text_with_ws)
            found[start] = span.text
        assert len(window) - query.end <= size
    assert found == {CONTEXT.index(text): text for text in ("Broncos", "Kubiak")}
    assert windows(doc, context, 1) == [doc]
    for wrong in (0, size + 1):
        with pytest.raises(
            ValueError, match=f"stride must be above 0 and at most .* 6, got {wrong}"
        ):
            windows(doc, size, wrong)


def test_a_query_for_each_type(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("Ann\tB-person\nmet\tO\n\nIn\tO\nNew\tB-location\nYork\tI-location\n")
    queries = {"person": "Which persons?", "location": "Which places?"}
    docs = list(read_queries(path, NLP, reader=read_entities, queries=queries, separator="|"))
    assert [(doc.text.strip(), texts(doc)) for doc in docs] == [
        ("Which persons ? | Ann met", ["Ann"]),
        ("Which places ? | Ann met", []),
        ("Which persons ? | In New York", []),
        ("Which places ? | In New York", ["New York"]),
    ]
    assert docs[0].spans["query"].attrs == {"id": "train.conll 1 person"}
    kept = Negatives("answer", 0.5)(docs)
    assert [doc for doc in docs if texts(doc)] == [doc for doc in kept if texts(doc)]
    assert len(kept) == 3
    assert [doc.text for doc in Negatives("answer", 0.5)(docs)] == [doc.text for doc in kept]
    assert len(Negatives("answer", 9.0)(docs)) == 4
