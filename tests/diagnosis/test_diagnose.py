"""What diagnose says about a corpus: counts, labels, advice, and blocks that train."""

import json
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import FACTORIES, complete, document, pipeline
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.util import load_model_from_config
from thinc.api import Config
from typer.testing import CliRunner

from spacy_dice.cli import app
from spacy_dice.components import row_of_factory
from spacy_dice.diagnosis import Distribution, diagnose, to_text
from spacy_dice.diagnosis.advice import expect, recommend, to_snippet
from spacy_dice.losses import WCE

ROOT = Path(__file__).parents[2]


def write(path, docs):
    DocBin(docs=docs).to_disk(path)
    return path


def make_docs(kinds):
    """Documents with all annotation (0 to 3), or without any (4)."""
    vocab = spacy.blank("en").vocab
    bare = Doc(vocab, words=["no", "annotation"])
    docs = [document(vocab, kind) if kind < 4 else bare.copy() for kind in kinds]
    for doc in docs:
        # Not sure enough to count.
        doc.cats = {label: max(score, 0.4) for label, score in doc.cats.items()}
    return docs


@pytest.fixture
def corpus(tmp_path):
    return write(tmp_path / "train.spacy", make_docs([0, 1, 2, 3, 4, 1, 3]))


def gold(factory, docs, key):
    """The labels of the documents, token by token and span by span."""
    match factory:
        case "tagger":
            return Counter(t.tag_ for doc in docs for t in doc if t.tag_)
        case "parser":
            return Counter(t.dep_ for doc in docs for t in doc if t.dep_)
        case "ner":
            return Counter(ent.label_ for doc in docs for ent in doc.ents)
        case "textcat" | "textcat_multilabel":
            return Counter(c for doc in docs for c, score in doc.cats.items() if score > 0.5)
        case "spancat" | "spancat_singlelabel":
            return Counter(s.label_ for doc in docs for s in doc.spans.get(key, ()))
        case "span_finder":
            edges = {(id(d), s.start, "start") for d in docs for s in d.spans.get(key, ())}
            edges |= {(id(d), s.end, "end") for d in docs for s in d.spans.get(key, ())}
            return Counter(name for _, _, name in edges)
        case "senter":
            annotated = [doc for doc in docs if doc.has_annotation("SENT_START")]
            return Counter("S" if t.is_sent_start else "I" for doc in annotated for t in doc)
    return None


@settings(max_examples=5)
@given(kinds=st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_counts_are_those_of_the_corpus(tmp_path_factory, kinds):
    path = write(tmp_path_factory.mktemp("corpus") / "train.spacy", make_docs([*kinds, 0, 2]))
    nlp = spacy.blank("en")
    docs = [example.reference for example in Corpus(path)(nlp)]
    for finding in diagnose(path).findings:
        check(finding, docs)


@pytest.mark.parametrize("factory", ["textcat_multilabel", "spancat_singlelabel", "span_finder"])
def test_counts_of_what_a_config_has_to_ask_for(corpus, factory):
    docs = [example.reference for example in Corpus(corpus)(spacy.blank("en"))]
    [finding] = diagnose(corpus, component=factory).findings
    check(finding, docs)


def check(finding, docs):
    key = finding.component.settings.get("spans_key", "sc")
    expected = gold(finding.component.stock, docs, key)
    if expected is not None:
        found = {label: n for label, n in finding.train.examples.items() if n}
        assert found == dict(expected), finding.component.name


@pytest.mark.parametrize("factory", ["tagger", "morphologizer", "senter", "trainable_lemmatizer"])
def test_counts_are_those_that_the_component_counts(corpus, factory):
    """The labels are those of the loss, and as often gold."""
    nlp = pipeline(factory, "dice.WCE.v1")
    examples = list(Corpus(corpus)(nlp))
    # Without differences in tokens, and without documents where nothing is to be learned.
    examples = [eg for eg in examples if eg.reference.has_annotation("TAG")]
    nlp.initialize(lambda: examples)
    write(corpus, [eg.reference for eg in examples])
    [finding] = diagnose(corpus, component=factory).findings
    counted = nlp.get_pipe(factory).cfg["label_counts"]
    assert finding.train.examples == {label: n for label, n in counted.items() if n}
    loss = nlp.get_pipe(factory).loss
    weights = loss.weights_of_counts(numpy.array([*counted.values()]))
    expected = {k: w for (k, n), w in zip(counted.items(), weights, strict=True) if n}
    assert finding.train.weights() == pytest.approx(expected, abs=1e-3)


def test_tokens_outside_entities(corpus):
    [finding] = diagnose(corpus, component="ner").findings
    found, nlp = finding.train, spacy.blank("en")
    tokens = [t for eg in Corpus(corpus)(nlp) for t in eg.reference]
    outside = sum(t.ent_iob_ == "O" for t in tokens)
    inside = Counter(t.ent_type_ for t in tokens if t.ent_type_)
    assert found.counts == {"O": outside, **inside}
    assert found.decisions == outside + sum(inside.values()) < len(tokens)
    assert found.majority == ("O", outside / found.decisions)


def test_components_without_a_config(corpus):
    names = {f.component.name: f.component.stock for f in diagnose(corpus).findings}
    assert names == {
        **{n: n for n in ("ner", "tagger", "morphologizer", "senter", "trainable_lemmatizer")},
        "parser": "parser",
        "textcat": "textcat",
        "spancat_sc": "spancat",
        "spancat_not_ents": "spancat",
    }
    docs = make_docs([1, 2, 1])
    docs[0].cats["animal"] = 1.0
    names = {f.component.name for f in diagnose(write(corpus, docs)).findings}
    assert "textcat_multilabel" in names
    assert "textcat" not in names
    # A document of one token is a sentence, but nobody has said so.
    docs = [Doc(docs[0].vocab, words=["one"], tags=["CD"])]
    assert [f.component.name for f in diagnose(write(corpus, docs)).findings] == ["tagger"]


def make(counts, *, decisions=None, **settings):
    counts = dict(counts)
    return Distribution(
        unit="tokens",
        decision="tokens",
        documents=1,
        examples=counts,
        positives=counts,
        decisions=sum(counts.values()) if decisions is None else decisions,
        **settings,
    )


def test_statistics_of_a_distribution():
    found = make({"A": 60, "B": 20, "C": 9, "D": 1}, decisions=990, background="O")
    assert found.counts == {"O": 900, "A": 60, "B": 20, "C": 9, "D": 1}
    assert (found.ratio, found.imbalance) == (60, 900)
    assert found.majority == ("O", 900 / 990)
    assert (found.between(0, 10), found.between(10, 50)) == (["C", "D"], ["B"])
    assert found.only_here({"A", "B", "X"}) == ["C", "D"]
    n = numpy.array([900, 60, 20, 9, 1])
    assert [*found.weights().values()] == pytest.approx(numpy.log10((990 - n) / n + 10), abs=1e-3)
    assert not found.is_balanced


@pytest.mark.parametrize(
    ("counts", "settings_", "balanced"),
    [
        ({"A": 29, "B": 10}, {}, True),
        ({"A": 30, "B": 10}, {}, False),
        ({"A": 10, "B": 10}, {"decisions": 200, "background": "O"}, False),
        ({"A": 50, "B": 60}, {"decisions": 100, "exclusive": False}, True),
        ({"A": 50, "B": 20}, {"decisions": 100, "exclusive": False}, False),
        ({"A": 50, "B": 90}, {"decisions": 100, "exclusive": False}, False),
        ({"A": 5, "B": 0}, {}, False),
    ],
)
def test_balance(counts, settings_, balanced):
    found = make(counts, **settings_)
    assert found.is_balanced is balanced
    stock = "tagger" if found.exclusive else "textcat_multilabel"
    [first, *others] = recommend(row_of_factory(stock), found)
    own = "dice.CE.v1" if found.exclusive else "dice.SE.v1"
    assert first.block == {"@losses": own if balanced else "dice.CE.v1"}
    assert (first.reason == "what spaCy itself trains on") is balanced
    assert bool(others) is not balanced
    sentences = expect(row_of_factory(stock), found)
    assert sentences[0].startswith("Balanced: " if balanced else "Imbalanced")


def test_what_is_excluded_and_weighted():
    def blocks(stock, found):
        return [choice.block for choice in recommend(row_of_factory(stock), found)]

    entities = make({"PER": 30, "LOC": 10}, decisions=1000, background="O")
    first, second, third = blocks("ner", entities)
    assert first == {"@losses": "dice.CE.v1"}
    assert second == {"@losses": "dice.F1.v1"}
    assert third == {"@losses": "dice.WCE.v1", "class_weights": entities.weights()}
    assert set(third["class_weights"]) == {"O", "PER", "LOC"}
    first, second, _ = blocks("textcat", make({"ham": 90, "spam": 10}))
    assert first == {"@losses": "dice.CE.v1"}
    assert second == {"@losses": "dice.F1.v1", "negatives": ["ham"]}
    # No label has most of the tokens, and not all can be keys of a config.
    first, second, third = blocks("tagger", make({"NN": 45, "VB": 45, ":": 5, "=": 5}))
    assert first == {"@losses": "dice.CE.v1"}
    assert second == {"@losses": "dice.MacroF1.v1"}
    assert third == {"@losses": "dice.WCE.v1"}
    # A tag that most tokens have is no background.
    assert blocks("tagger", make({"NN": 90, "VB": 10}))[1] == {"@losses": "dice.MacroF1.v1"}
    first, second = blocks("spancat", make({"A": 1, "B": 9}, decisions=900, exclusive=False))
    assert (first, second) == ({"@losses": "dice.CE.v1"}, {"@losses": "dice.DSC.v1"})
    many = make({f"T{i}": 1 + i for i in range(30)})
    assert blocks("tagger", many)[2] == {"@losses": "dice.WCE.v1"}


def test_rare_labels_are_told():
    sentences = " ".join(expect(row_of_factory("tagger"), make({"A": 500, "B": 49, "C": 9})))
    assert "fewer than 10 examples" in sentences
    assert "10 to 49 examples" in sentences
    sentences = " ".join(expect(row_of_factory("tagger"), make({"A": 500, "B": 50})))
    assert "fewer than" not in sentences
    assert "to 49" not in sentences


def with_snippet(config, name, snippet):
    """The text of a config with the block pasted where the loss was."""
    config = config.copy()
    config["components"][name].pop("loss", None)
    return config.to_str(interpolate=False) + "\n" + snippet


@pytest.mark.parametrize("factory", FACTORIES)
def test_pasted_blocks_train(tmp_path, factory):
    """Each block goes into a config as it stands, with the name of the component, and trains."""
    nlp = pipeline(factory, name="my_component")
    path = tmp_path / "config.cfg"
    nlp.config.to_disk(path)
    corpus = write(tmp_path / "train.spacy", make_docs([0, 1, 2, 3]))
    if factory == "textcat":
        docs = make_docs([1, 2, 2, 2, 2, 2])
        write(corpus, docs)
    [finding] = diagnose(corpus, path).findings
    assert finding.component.name == "my_component"
    assert finding.snippets
    for snippet in finding.snippets:
        assert snippet.startswith("[components.my_component.loss]\n")
        text = with_snippet(nlp.config, "my_component", snippet)
        config = Config().from_str(text, interpolate=False)
        # As the config is written out and read again on the way.
        config = Config().from_str(config.to_str(interpolate=False), interpolate=False)
        trained = load_model_from_config(config, auto_fill=True)
        examples = complete(trained.vocab)
        if factory == "textcat":
            examples = [eg for eg in examples if sum(eg.reference.cats.values()) == 1]
        optimizer = trained.initialize(lambda examples=examples: examples)
        losses = trained.update(examples, sgd=optimizer)
        assert numpy.isfinite(losses["my_component"])
        block = config["components"]["my_component"]["loss"]
        assert type(trained.get_pipe("my_component").loss).__name__ in block["@losses"]


def test_block_of_a_stock_component(corpus, tmp_path):
    nlp = pipeline("ner", stock=True)
    nlp.config.to_disk(tmp_path / "config.cfg")
    [finding] = diagnose(corpus, tmp_path / "config.cfg").findings
    first = finding.snippets[0]
    assert first.startswith('# In [components.ner]: factory = "dice_ner"\n\n[components.ner.loss]')
    config = nlp.config.copy()
    config["components"]["ner"]["factory"] = "dice_ner"
    text = with_snippet(config, "ner", first)
    assert load_model_from_config(Config().from_str(text)).get_pipe("ner").loss


def diagnose_one(tmp_path, corpus, factory, dev=None, callback=None, **settings):
    """The only finding of a config with one component, and the text."""
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name="it")
    config = nlp.config.copy()
    config["components"]["it"].update(settings)
    if callback:
        losses = {"it": callback}
        config["initialize"]["before_init"] = {
            "@callbacks": "dice.use_losses.v1",
            "losses": losses,
        }
    config.to_disk(tmp_path / "config.cfg")
    diagnosis = diagnose(corpus, tmp_path / "config.cfg", dev)
    [finding] = diagnosis.findings
    return finding, to_text(diagnosis)


def test_ends_with_the_whole_recipe(corpus, tmp_path):
    """A block where another loss is better than spaCy's, and the command to go on with."""
    dev = write(tmp_path / "the dev set.spacy", make_docs([3]))
    finding, text = diagnose_one(tmp_path, corpus, "spancat", dev)
    assert finding.recipe == (
        '# In [components.it]: factory = "dice_spancat"\n\n[components.it.loss]\n'
        '@losses = "dice.CE.v1"\n'
    )
    end = text[text.index("Paste          dice.CE.v1: learns rare labels far sooner") :]
    assert finding.recipe in end
    assert "Then           tune the decisions" in end
    assert end.endswith(finding.calibrate)
    # In NER it is spaCy's own, with nothing to paste.
    finding, text = diagnose_one(tmp_path, corpus, "ner", dev)
    assert finding.recipe == ""
    end = text[text.index("Keep           spaCy's own loss: on five of six") :]
    assert "First          tune the decisions" in end
    assert "[components" not in end
    assert end.endswith(finding.calibrate)
    words = shlex.split(finding.calibrate.replace("\\\n", ""))
    assert words[:4] == ["python", "-m", "spacy", "dice"]
    assert str(dev) in words
    assert words[-3:] == ["--component", "it", "--types"]
    result = CliRunner().invoke(app, words[4:])
    assert "training/model-best" in result.output
    assert "No such option" not in result.output
    # Without a dev set there is a name to replace; without imbalance there is nothing to tune.
    finding, _ = diagnose_one(tmp_path, corpus, "ner")
    assert " dev.spacy " in finding.calibrate
    [finding] = diagnose(
        write(tmp_path / "even.spacy", make_docs([1, 2])), component="senter"
    ).findings
    assert finding.calibrate is None


def test_settings_beside_the_loss(corpus, tmp_path):
    finding, _ = diagnose_one(tmp_path, corpus, "ner")
    recipe = finding.component.row.recipe._replace(config={"training.optimizer.use_averages": True})
    row = replace(finding.component.row, recipe=recipe)
    finding = replace(finding, component=replace(finding.component, row=row))
    assert finding.recipe == "# In [training.optimizer]: use_averages = true\n"


CE, DSC = {"@losses": "dice.CE.v1"}, {"@losses": "dice.DSC.v1"}


@pytest.mark.parametrize(
    ("factory", "settings_", "kept"),
    [
        ("ner", {}, True),
        ("ner", {"callback": CE}, True),
        ("ner", {"callback": DSC}, False),
        ("dice_ner", {}, False),
        ("dice_ner", {"loss": CE}, True),
        ("tagger", {}, True),
        ("textcat_multilabel", {}, False),
        ("textcat_multilabel", {"callback": CE}, True),
    ],
)
def test_a_loss_that_is_the_first_choice_is_kept(corpus, tmp_path, factory, settings_, kept):
    finding, text = diagnose_one(tmp_path, corpus, factory, **settings_)
    assert not finding.train.is_balanced
    assert finding.keeps_loss is kept
    assert bool(finding.recipe) is not kept
    assert (("Keep  " in text), ("Paste  " in text)) == (kept, not kept)


def test_the_command_that_pastes_names_what_has_to_be_changed(corpus, tmp_path):
    for factory, changed in (("ner", False), ("spancat", True)):
        diagnose_one(tmp_path, corpus, factory)
        output = call(corpus, "--config", tmp_path / "config.cfg").output
        assert ("init-config" in output) is changed
        assert ("--component=it" in output) is changed


def test_weights_are_those_that_the_loss_counts():
    counts = {"A": 70, "B": 20, "C": 10}
    loss = WCE(names=list(counts))
    assert make(counts).weights() == pytest.approx(
        dict(zip(counts, loss.weights_of_counts(numpy.array([70, 20, 10.0])), strict=True)),
        abs=1e-3,
    )
    text = to_snippet("x", None, {"@losses": "dice.WCE.v1", "class_weights": {"A": 1.5}})
    assert Config().from_str("[components]\n[components.x]\n" + text)["components"]["x"] == {
        "loss": {"@losses": "dice.WCE.v1", "class_weights": {"A": 1.5}}
    }


def test_labels_that_only_one_set_has(tmp_path):
    train = write(tmp_path / "train.spacy", make_docs([1, 2]))
    dev = write(tmp_path / "dev.spacy", make_docs([2, 3]))
    [finding] = diagnose(train, dev=dev, component="ner").findings
    assert (finding.only_in_train, finding.only_in_dev) == (["SHIP"], ["CITY"])
    [finding] = diagnose(train, component="ner").findings
    assert (finding.only_in_train, finding.only_in_dev) == ([], [])
    text = to_text(diagnose(train, dev=dev, component="ner"))
    assert "Only in train  1: SHIP" in text
    assert "Only in dev    1: CITY" in text
    # A dev set without any annotation has no labels.
    bare = write(tmp_path / "bare.spacy", make_docs([4]))
    [finding] = diagnose(train, dev=bare, component="ner").findings
    assert finding.only_in_train == ["CAT", "SHIP"]


def write_config(path, *, dev=None, frozen=(), **factories):
    nlp = spacy.blank("en")
    for name, factory in factories.items():
        nlp.add_pipe(factory, name=name)
    config = nlp.config.copy()
    config["paths"]["dev"] = dev
    config["training"]["frozen_components"] = list(frozen)
    config.to_disk(path)
    return path


def test_components_of_a_config(corpus, tmp_path):
    dev = write(tmp_path / "dev.spacy", make_docs([3]))
    config = write_config(
        tmp_path / "config.cfg",
        dev=str(dev),
        frozen=["old"],
        tok2vec="tok2vec",
        a="dice_ner",
        b="tagger",
        old="parser",
        c="entity_ruler",
    )
    found = diagnose(corpus, config)
    assert [f.component.name for f in found.findings] == ["a", "b"]
    assert found.skipped == {
        "old": "is frozen",
        "c": "has the factory entity_ruler, whose loss cannot be chosen",
    }
    assert found.dev == dev
    assert found.findings[0].only_in_train == ["SHIP", "CAT"]
    assert "Not looked at: old, which is frozen." in to_text(found)
    [only] = diagnose(corpus, config, component="b").findings
    assert only.component.stock == "tagger"


def call(*arguments):
    return CliRunner().invoke(app, ["diagnose", *map(str, arguments)])


def test_command(corpus, tmp_path):
    output = tmp_path / "out"
    result = call(corpus, "--component", "ner", "--output", output)
    assert result.exit_code == 0, result.output
    assert "CITY" in result.output
    assert "\n[components.ner.loss]" in result.output
    # No terminal, no bar.
    assert "doc/s" not in result.output
    assert sorted(file.name for file in output.iterdir()) == [
        "diagnose.json",
        "diagnose.txt",
        "ner.svg",
    ]
    content = json.loads((output / "diagnose.json").read_text(encoding="utf8"))
    [finding] = diagnose(corpus, component="ner").findings
    assert content["components"]["ner"]["train"]["examples"] == finding.train.examples
    assert content["components"]["ner"]["snippets"] == finding.snippets
    assert (output / "diagnose.txt").read_text(encoding="utf8") == to_text(
        diagnose(corpus, component="ner")
    )
    svg = (output / "ner.svg").read_bytes()
    assert svg.startswith(b"<?xml")
    # Again: the same bytes, and what the first one left is gone.
    assert call(corpus, "--component", "ner", "--output", output).exit_code == 0
    assert (output / "ner.svg").read_bytes() == svg
    assert call(corpus, "--component", "tagger", "--output", output).exit_code == 0
    assert sorted(file.name for file in output.glob("*.svg")) == ["tagger.svg"]


def test_full_shows_all_labels(tmp_path):
    vocab = spacy.blank("en").vocab
    tags = [f"T{i:02}" for i in range(30) for _ in range(40 - i)]
    path = write(tmp_path / "train.spacy", [Doc(vocab, words=tags, tags=tags)])
    found = diagnose(path, component="tagger")
    short, full = to_text(found), to_text(found, full=True)
    assert "… 11 more: --full" in short
    table = short.split("Imbalance")[0]
    assert [f"T{i:02}" in table for i in range(30)] == [i < 13 or i >= 24 for i in range(30)]
    assert all(f" T{i:02} " in full for i in range(30))
    assert "--full" not in full


REFUSED = {
    "component": (["--component", "nre"], "did you mean 'ner'?"),
    "no file": (["--dev", "nowhere.spacy"], "nowhere.spacy: there is no such file"),
    "no config": (["--config", "nowhere.cfg"], "nowhere.cfg: there is no such file"),
    "not a config": (["--config", "bad.cfg"], "bad.cfg: is not a config that spaCy can read"),
    "no component": (["--config", "empty.cfg"], "has no component whose loss can be chosen"),
    "other component": (
        ["--config", "tagger.cfg", "--component", "ner"],
        "component must be one of 'my_tagger', got 'ner'",
    ),
    "dev of the config": (["--config", "dev.cfg"], "[paths] dev of dev.cfg"),
    "foreign output": (["--output", "foreign"], "foreign: is not empty and has no diagnose.json"),
    "a file as output": (["--output", "bad.cfg"], "bad.cfg: is not a folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(corpus, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    Path("bad.cfg").write_text("[nlp\nlang = en", encoding="utf8")
    write_config(tmp_path / "empty.cfg", tok2vec="tok2vec")
    write_config(tmp_path / "tagger.cfg", my_tagger="tagger")
    write_config(tmp_path / "dev.cfg", dev="nowhere.spacy", my_tagger="tagger")
    Path("foreign").mkdir()
    Path("foreign", "thesis.tex").write_text("all of it", encoding="utf8")
    before = sorted(tmp_path.rglob("*"))
    arguments, message = REFUSED[case]
    refused(call(corpus.name, *arguments), message)
    assert sorted(tmp_path.rglob("*")) == before


def refused(result, message):
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_corpora_that_are_refused(tmp_path):
    output = tmp_path / "out"

    def check(docs, message, *arguments):
        path = write(tmp_path / "train.spacy", docs)
        refused(call(path, "--output", output, *arguments), message)
        assert not output.exists()

    vocab = spacy.blank("en").vocab
    tagged = [Doc(vocab, words=["a", "b"], tags=["X", "Y"])]
    check(tagged, "has no annotation for 'ner' (ner); what it has is 'TAG'", "--component", "ner")
    check(make_docs([4]), "has no annotation for any component; what it has is none at all")
    check([Doc(vocab)], "has no documents with tokens")
    check([], "has no documents with tokens")
    config = write_config(tmp_path / "config.cfg", one="ner", two="tagger")
    check(tagged, "for 'one' (ner); what it has is 'TAG'", "--config", config)
    (tmp_path / "folder").mkdir()
    refused(call(tmp_path / "folder"), "there is no .spacy file in this folder")
    path = write(tmp_path / "train.spacy", make_docs([0, 1]))
    path.write_bytes(path.read_bytes()[:-50])
    refused(call(path, "-o", output), "is truncated")
    assert not output.exists()


def test_annotation_without_any_label(tmp_path):
    """Documents without entities and spans are annotated, too."""
    vocab = spacy.blank("en").vocab
    doc = Doc(vocab, words=["nothing", "here"], ents=["O", "O"])
    doc.spans["sc"] = []
    path = write(tmp_path / "train.spacy", [doc])
    for component in ("ner", "spancat", "span_finder"):
        result = call(path, "--component", component, "--output", tmp_path / "out")
        assert result.exit_code == 0, result.output
        content = json.loads((tmp_path / "out" / "diagnose.json").read_text(encoding="utf8"))
        assert not any(content["components"][component]["train"]["examples"].values())


@pytest.mark.parametrize("name", ["wnut17", "ritter_pos", "sms_spam"])
def test_the_documentation_shows_what_is_recorded(name):
    text = (ROOT / "metrics" / "diagnose" / name / "diagnose.txt").read_text(encoding="utf8")
    page = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf8")
    assert f"```text\n{text}```" in page, "run: python -m spacy project run diagnose-corpora"
    for file in (ROOT / "metrics" / "diagnose" / name).glob("*.svg"):
        assert f"](../{file.relative_to(ROOT).as_posix()})" in page
