"""The data sets: splits, the table, conversion."""

import hashlib
import math
import re
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus

import convert as convert_script
from corpora import DATASETS, File, Source, convert, read
from corpora.columns import read_entities
from corpora.pairs import read_pairs
from corpora.splits import Imbalance, Missing, Sample, Shares

NLP = spacy.blank("en")


def words(doc):
    return [token.text for token in doc]


def bio(doc):
    return [t.ent_iob_ + (f"-{t.ent_type_}" if t.ent_type_ else "") for t in doc]


# Splits


def doc_of(text):
    return Doc(NLP.vocab, words=text.split())


def sha256_of(text):
    return int(hashlib.sha256(text.encode("utf-8")).hexdigest(), 16)


def bucket_of(text):
    return sha256_of(text) % 100


def test_every_bucket_falls_where_the_shares_say():
    seen = {}
    for i in range(2000):
        seen.setdefault(bucket_of(f"text {i}"), Shares(60, 30, 10)(doc_of(f"text {i}")))
    assert [seen[bucket] for bucket in range(100)] == ["train"] * 60 + ["dev"] * 30 + ["test"] * 10


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_split_does_not_depend_on_tokens_and_white_space(text):
    expected = Shares(50, 50)(doc_of(text))
    assert expected == ("train" if bucket_of(" ".join(text.split())) < 50 else "dev")
    assert Shares(50, 50)(NLP.make_doc(text)) == expected


def test_split_is_frozen():
    # Another split would make every score recorded on it incomparable.
    found = [Shares(70, 15, 15)(doc_of(f"tweet {i}")) for i in range(10)]
    assert found == ["train"] * 3 + ["dev"] + ["train"] * 2 + ["dev"] * 2 + ["test"] * 2


def test_split_shares_are_met():
    n = 4000
    found = Counter(Shares(70, 15, 15)(doc_of(f"message {i}")) for i in range(n))
    for split, share in {"train": 0.70, "dev": 0.15, "test": 0.15}.items():
        # Four standard deviations of a fair draw.
        assert abs(found[split] - n * share) < 4 * math.sqrt(n * share * (1 - share))


def test_carving_leaves_no_test():
    assert {Shares(85, 15)(doc_of(str(i))) for i in range(200)} == {"train", "dev"}


def test_shares_must_cover_everything():
    with pytest.raises(ValueError, match=r"Shares: train, dev and test must sum to 100, got .*80"):
        Shares(80, 10)


def identified(names):
    docs = [doc_of(name) for name in names]
    for doc, name in zip(docs, names, strict=True):
        doc.user_data["id"] = name
    return docs


def test_a_sample_is_frozen_and_keeps_the_order():
    docs = identified([f"ed{i}" for i in range(20)])
    expected = sorted(docs, key=lambda doc: sha256_of(doc.user_data["id"]))[:5]
    kept = Sample(5)(docs)
    assert kept == [doc for doc in docs if doc in expected]
    # Another sample would make every score recorded on it incomparable.
    assert [doc.user_data["id"] for doc in kept] == ["ed2", "ed6", "ed15", "ed16", "ed19"]


def test_a_sample_does_not_depend_on_the_order_and_is_part_of_a_larger_one():
    docs = identified([f"ed{i}" for i in range(50)])
    kept = Sample(10)(docs)
    assert Sample(10)(docs[::-1]) == kept[::-1]
    assert set(kept) < set(Sample(20)(docs))
    assert Sample(60)(docs) == docs


def test_documents_without_identifier_are_sampled_by_their_texts():
    docs = [doc_of(f"tweet {i}") for i in range(20)]
    expected = sorted(docs, key=lambda doc: sha256_of(doc.text))[:5]
    assert Sample(5)(docs) == [doc for doc in docs if doc in expected]
    # Of equal ones no more than wanted.
    assert len(Sample(3)([doc_of("same") for _ in range(5)])) == 3


def test_a_group_is_on_one_side():
    docs = [doc_of(f"question {i}") for i in range(200)]
    for i, doc in enumerate(docs):
        doc.user_data["group"] = f"group {i % 50}"
    sides = [Shares(50, 50)(doc) for doc in docs]
    assert set(sides) == {"train", "dev"}
    assert sides == sides[:50] * 4


def labelled(n_positive, n_others):
    docs = identified([f"id{i}" for i in range(n_positive + n_others)])
    for i, doc in enumerate(docs):
        doc.cats = {"yes": float(i < n_positive), "no": float(i >= n_positive)}
    return docs


def positives(docs):
    return [doc for doc in docs if doc.cats["yes"]]


def test_imbalance_keeps_a_share():
    docs = labelled(40, 200)
    kept = Imbalance.of_share("yes", 10, 150)(docs)
    assert len(kept) == 150
    assert len(positives(kept)) == 15
    assert kept == [doc for doc in docs if doc in kept]
    assert Imbalance.of_share("yes", 10, 150)(docs[::-1]) == kept[::-1]
    fewer = Imbalance.of_share("yes", 2, 150)(docs)
    assert len(fewer) == 150
    assert set(positives(fewer)) < set(positives(kept))


def test_imbalance_of_docs_with_spans():
    docs = [doc_of(f"a brand {i}") for i in range(30)]
    for i, doc in enumerate(docs):
        doc.spans["sc"] = [doc[1:2]] if i < 10 else []
    kept = Imbalance.of_share("sc", 20, 25)(docs)
    assert [bool(doc.spans["sc"]) for doc in kept] == [True] * 5 + [False] * 20


def test_imbalance_repeats_where_it_is_told_to():
    docs = labelled(3, 4)
    repeated = Imbalance("yes", 7, 4, repeat=True)(docs)
    counts = Counter(docs.index(doc) for doc in positives(repeated))
    assert sorted(counts.values()) == [2, 2, 3]
    assert len(repeated) == 11
    assert repeated[:7] == docs
    with pytest.raises(ValueError, match="Imbalance: needs 7 positive documents, there are 3"):
        Imbalance("yes", 7, 4)(docs)
    with pytest.raises(ValueError, match="Imbalance: needs 1 other documents, there are 0"):
        Imbalance("yes", 1, 1, repeat=True)(docs[:3])


def test_entities_are_missing_by_text_and_place():
    docs = [doc_of(f"Ann met Bob {i}") for i in range(300)]
    for doc in docs:
        doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "PER")]
    before = [bio(doc) for doc in docs]
    found = {p: [set(d.ents) for d in Missing(p)(docs)] for p in (0, 30, 70, 100)}
    assert [sum(map(len, ents)) for ents in (found[0], found[100])] == [600, 0]
    assert sum(map(len, found[30])) == pytest.approx(420, abs=40)
    assert sum(map(len, found[70])) == pytest.approx(180, abs=40)
    places = {p: [{e.start for e in ents} for ents in found[p]] for p in found}
    assert all(few <= more for few, more in zip(places[70], places[30], strict=True))
    # Either of the two alone is missing somewhere; what is missing is outside, and not unknown.
    assert {frozenset(starts) for starts in places[30]} == {
        frozenset(kept) for kept in ((), (0,), (2,), (0, 2))
    }
    (doc,) = Missing(100)(docs[:1])
    assert bio(doc) == ["O"] * 4
    assert [bio(doc) for doc in docs] == before
    again = [{e.start for e in d.ents} for d in Missing(30)(docs[::-1])]
    assert again[::-1] == places[30]
    other = [{e.start for e in d.ents} for d in Missing(30, seed=1)(docs)]
    assert other != places[30]


# The table and the conversion


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A data set in the table, with an official test file and a dev set cut from train."""
    assets = tmp_path / "assets"
    (assets / "toy").mkdir(parents=True)
    train = "\n".join(f"word{i}\tB-X\nz\tO\n" for i in range(40))
    (assets / "toy" / "train.tsv").write_text(train, encoding="utf-8")
    (assets / "toy" / "own.tsv").write_text("it's\tI-X\nme\tO\n", encoding="utf-8")
    dataset = Source(
        name="toy",
        title="Toy",
        lang="en",
        task="ner",
        licence="none",
        url="https://example.org/data/",
        files={"train": File("a/train.tsv", "0"), "test": File("b/test.tsv", "1", "own.tsv")},
        reader=read_entities,
        cuts={"train": Shares(50, 50)},
    )
    monkeypatch.setitem(DATASETS, "toy", dataset)
    return assets


def test_read_gives_splits_in_order(toy):
    splits = read("toy", toy)
    assert list(splits) == ["train", "dev", "test"]
    assert len(splits["train"]) + len(splits["dev"]) == 40
    assert min(len(splits["train"]), len(splits["dev"])) > 5
    assert not {doc.text for doc in splits["train"]} & {doc.text for doc in splits["dev"]}
    assert [doc.text for doc in splits["test"]] == ["it's me "]


def test_convert_writes_what_read_gives(toy, tmp_path):
    counts = convert("toy", toy, tmp_path / "deep" / "out")
    splits = read("toy", toy)
    assert counts == {split: len(docs) for split, docs in splits.items()}
    files = sorted(path.name for path in (tmp_path / "deep" / "out").iterdir())
    assert files == ["dev.spacy", "test.spacy", "train.spacy"]
    for split, docs in splits.items():
        bin_ = DocBin().from_disk(tmp_path / "deep" / "out" / f"{split}.spacy")
        assert not bin_.store_user_data
        written = list(bin_.get_docs(NLP.vocab))
        assert [(words(doc), bio(doc)) for doc in written] == [(words(d), bio(d)) for d in docs]


def test_convert_is_reproducible(toy, tmp_path):
    for name in ("one", "two"):
        convert("toy", toy, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_spacy_trains_on_the_tokens_of_the_file(toy, tmp_path):
    convert("toy", toy, tmp_path)
    (example,) = Corpus(tmp_path / "test.spacy")(spacy.blank("en"))
    assert words(example.predicted) == ["it's", "me"]  # spaCy's own tokens: it, 's, me
    assert example.get_aligned_ner() == ["U-X", "O"]


def test_a_sample_is_drawn_after_the_cut(toy, monkeypatch):
    everything = read("toy", toy)
    dataset = replace(DATASETS["toy"], samples={"train": Sample(7)})
    monkeypatch.setitem(DATASETS, "toy", dataset)
    splits = read("toy", toy)
    assert len(splits["train"]) == 7
    for split in ("dev", "test"):
        assert len(splits[split]) == len(everything[split])
    assert len(read("toy", toy, full=True)["train"]) == len(everything["train"])
    # One choice after the other.
    dataset = replace(DATASETS["toy"], samples={"train": [Sample(7), Sample(3)]})
    monkeypatch.setitem(DATASETS, "toy", dataset)
    assert len(read("toy", toy)["train"]) == 3
    # An imbalance is what the data set is about.
    dataset = replace(DATASETS["toy"], samples={"train": Imbalance("X", 0, 5)})
    monkeypatch.setitem(DATASETS, "toy", dataset)
    assert len(read("toy", toy, full=True)["train"]) == 5


def test_a_part_gives_way_to_the_whole(toy, tmp_path, monkeypatch):
    whole = DATASETS["toy"]
    part = replace(whole, name="part", samples={"train": Sample(7)}, full="toy")
    monkeypatch.setitem(DATASETS, "part", part)
    everything = read("part", toy, full=True)
    assert len(everything["train"]) == len(read("toy", toy)["train"]) > 7
    folder = tmp_path / "full"
    arguments = ["part", "--scale", "full", "--assets", str(toy), "--output", str(folder)]
    convert_script.main(arguments)
    assert (folder / "part" / "train.spacy").is_file()


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    """A data set of pairs whose dev set is listed."""
    folder = tmp_path / "assets" / "pairs"
    folder.mkdir(parents=True)
    lines = "".join(f"{i}\tx{i}\tx{i}\ty{i}\n" for i in range(4))
    (folder / "all.tsv").write_text("n\tid\tx\ty\n" + lines)
    (folder / "ids").write_text("x1\nx3\n")
    dataset = Source(
        name="pairs",
        title="Pairs",
        lang="en",
        task="textcat",
        licence="none",
        url="https://example.org/",
        files={"train": File("all.tsv", "0"), "dev_ids": File("ids", "1", lists="dev")},
        reader=partial(
            read_pairs,
            labels={str(i): str(i) for i in range(4)},
            left="x",
            right="y",
            label="n",
            identifiers=("id",),
            separator="[SEP]",
        ),
    )
    monkeypatch.setitem(DATASETS, "pairs", dataset)
    return tmp_path / "assets"


def test_a_file_lists_the_dev_set(pairs):
    splits = read("pairs", pairs)
    texts = {split: [doc.text for doc in docs] for split, docs in splits.items()}
    assert texts == {
        "train": ["x0 [SEP] y0 ", "x2 [SEP] y2 "],
        "dev": ["x1 [SEP] y1 ", "x3 [SEP] y3 "],
        "test": [],
    }


def test_the_separator_is_that_of_the_model(pairs, tmp_path):
    (doc, _) = read("pairs", pairs, separator="<sep>")["train"]
    assert words(doc) == ["x0", "<sep>", "y0"]
    arguments = ["pairs", "--assets", str(pairs), "--output", str(tmp_path), "--separator", "<sep>"]
    convert_script.main(arguments)
    (example, _) = Corpus(tmp_path / "pairs" / "train.spacy")(spacy.blank("en"))
    assert words(example.predicted) == ["x0", "<sep>", "y0"]


def test_what_a_command_of_the_project_reads(toy, tmp_path, capsys):
    """What is there is left alone; of what is not, the file and the command are named."""
    arguments = ["toy", "--if-missing", "--assets", str(toy), "--output", str(tmp_path / "out")]
    convert_script.main(arguments)
    assert "toy: train" in capsys.readouterr().out
    own = toy / "toy" / "own.tsv"
    own.unlink()
    convert_script.main(arguments)
    assert capsys.readouterr().out == ""
    (tmp_path / "out" / "toy" / "dev.spacy").unlink()
    with pytest.raises(SystemExit) as raised:
        convert_script.main(arguments)
    assert raised.value.code == 1
    assert f"{own} is missing: run `python -m spacy project assets" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "options"), [("wnut17", ""), ("weibo_ner", " --extra")])
def test_the_command_that_fetches_a_file(tmp_path, name, options):
    with pytest.raises(ValueError, match=f"run `python -m spacy project assets{options}`, or"):
        read(name, tmp_path)


def test_help_names_the_data_sets(capsys):
    with pytest.raises(SystemExit):
        convert_script.main(["--help"])
    words_ = re.findall(r"\w[\w.]*\w", capsys.readouterr().out)
    assert set(words_) >= {*DATASETS}


def test_copies_and_archives_are_named(toy, monkeypatch):
    (toy / "toy" / "own.tsv").unlink()
    files = {"test": File("all.zip", "1", "own.tsv", member="test_bio")}
    monkeypatch.setitem(DATASETS, "toy", replace(DATASETS["toy"], files=files))
    with pytest.raises(ValueError, match=r"own\.tsv is missing: unpack test_bio from https://exam"):
        read("toy", toy)
    monkeypatch.setitem(DATASETS, "toy", replace(DATASETS["toy"], files=files, url=""))
    with pytest.raises(ValueError, match=r"is missing: put your copy of Toy there \(none\)"):
        read("toy", toy)


def test_failing_reader_leaves_nothing(toy, tmp_path):
    (toy / "toy" / "own.tsv").write_text("a\tO\nbroken\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"own\.tsv: line 2: expected a token and a tag"):
        convert("toy", toy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_failing_write_leaves_the_old_files(toy, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "train.spacy").write_bytes(b"old")

    def to_disk(self, path):
        path.write_bytes(b"half")
        if path.name == "dev.spacy":
            raise OSError("disk full")

    monkeypatch.setattr(DocBin, "to_disk", to_disk)
    with pytest.raises(OSError, match="disk full"):
        convert("toy", toy, out)
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("train.spacy", b"old")]


def test_missing_asset_is_named(toy):
    (toy / "toy" / "own.tsv").unlink()
    with pytest.raises(ValueError, match="toy: ") as error:
        read("toy", toy)
    assert str(toy / "toy" / "own.tsv") in str(error.value)
    assert "spacy project assets" in str(error.value)
    assert "https://example.org/data/b/test.tsv" in str(error.value)


@pytest.mark.parametrize("function", [read, lambda name, assets: convert(name, assets, assets)])
def test_unknown_data_set_suggests_the_nearest(function, tmp_path):
    with pytest.raises(ValueError, match=r"got 'wnut71' \(did you mean 'wnut17'\?\)"):
        function("wnut71", tmp_path)


@pytest.mark.parametrize("name", DATASETS)
def test_rows_are_consistent(name):
    dataset = DATASETS[name]
    assert dataset.name == name
    tasks = {"ner", "spancat", "tagger", "textcat", "textcat_multilabel", "query_spans"}
    assert dataset.task in tasks
    assert dataset.licence
    assert set(dataset.cuts) <= set(dataset.files)
    assert set(dataset.samples) <= {"train", "dev", "test"}
    assets = [dataset.asset(part) for part in dataset.files]
    assert len(set(assets)) == len(assets)
    if dataset.url:
        assert dataset.url.startswith("https://")
        assert dataset.url.endswith("/")
        assert all(
            file.member or re.fullmatch("[0-9a-f]{32}", file.md5) for file in dataset.files.values()
        )


# The script


def test_script_converts_what_is_named(toy, tmp_path, capsys):
    convert_script.main(["toy", "--assets", str(toy), "--output", str(tmp_path / "corpus")])
    assert (tmp_path / "corpus" / "toy" / "dev.spacy").is_file()
    assert re.fullmatch(r"toy: train \d+, dev \d+, test 1\n", capsys.readouterr().out)


def test_script_converts_all_that_is_there(toy, tmp_path, capsys):
    convert_script.main(["--assets", str(toy), "--output", str(tmp_path / "corpus")])
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == ["toy"]
    assert "wnut17: left out, not all of its files are in" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["wnut71", "wnut17"])
def test_script_refuses_in_one_line(tmp_path, capsys, name):
    with pytest.raises(SystemExit) as error:
        convert_script.main([name, "--assets", str(tmp_path)])
    assert error.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
