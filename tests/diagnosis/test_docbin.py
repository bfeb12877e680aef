"""The stream of documents is that of spaCy's corpus, in bounded memory."""

import subprocess
import sys
import zlib

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import SENTENCES, document
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.vocab import Vocab

from diagnose_memory import repeat
from spacy_dice.diagnosis import docbin
from spacy_dice.diagnosis.docbin import DocBinFile, files_of, stream


def make_docs(kinds):
    """Documents with all annotation (0 to 3), without any (4), without tokens or spaces (5, 6)."""
    vocab = Vocab()
    made = []
    for kind in kinds:
        if kind < len(SENTENCES):
            made.append(document(vocab, kind))
        else:
            words = [] if kind == 5 else ["some", "words"]
            made.append(Doc(vocab, words=words, spaces=None if kind == 6 else [True] * len(words)))
            made[-1].has_unknown_spaces = kind == 6
    return made


def write(path, kinds, **settings_):
    DocBin(docs=make_docs(kinds), **settings_).to_disk(path)
    return path


def contents(docs):
    return [doc.to_bytes() for doc in docs]


def of_spacy(path):
    return contents(Corpus(path).read_docbin(Vocab(), files_of(path)))


@settings(max_examples=20)
@given(
    kinds=st.lists(st.integers(0, 6), max_size=12),
    chunk=st.integers(1, 12),
    tokens=st.integers(1, 40),
    store=st.booleans(),
)
def test_documents_are_those_of_the_corpus(tmp_path_factory, kinds, chunk, tokens, store):
    path = tmp_path_factory.mktemp("bin") / "train.spacy"
    write(path, kinds, store_user_data=store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docbin, "DOCUMENTS", chunk)
        patch.setattr(docbin, "TOKENS", tokens)
        patch.setattr(docbin, "_COMPRESSED", 7)
        found = contents(stream(path, Vocab()))
    assert found == of_spacy(path)
    with DocBinFile(path) as file:
        assert file.n_documents == len(kinds)


def test_few_attributes(tmp_path):
    path = write(tmp_path / "train.spacy", range(7), attrs=["TAG"])
    assert contents(stream(path, Vocab())) == of_spacy(path)


def test_versions_without_flags_and_span_groups(tmp_path):
    path = write(tmp_path / "train.spacy", range(5))
    content = read(path)
    for name in ("flags", "span_groups"):
        del content[name]
    dump(path, content)
    found = contents(stream(path, Vocab()))
    assert found == of_spacy(path)
    assert len(found) == 5


def test_folder(tmp_path):
    write(tmp_path / "b.spacy", [1])
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "a.spacy", [0, 5])
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden" / "c.spacy", [2])
    (tmp_path / "readme.txt").write_text("no corpus", encoding="utf8")
    expected = Corpus(tmp_path)(spacy.blank("en"))
    texts = [doc.text for doc in stream(tmp_path, Vocab())]
    assert texts == [example.reference.text for example in expected]
    assert len(texts) == 2


def test_repeat(tmp_path):
    path = write(tmp_path / "one.spacy", range(7))
    repeat(path, tmp_path / "many.spacy", 40)
    many = of_spacy(tmp_path / "many.spacy")
    assert many == of_spacy(path) * 40
    assert contents(stream(tmp_path / "many.spacy", Vocab())) == many


def read(path):
    return srsly.msgpack_loads(zlib.decompress(path.read_bytes()))


def dump(path, content):
    path.write_bytes(zlib.compress(srsly.msgpack_dumps(content)))


def changed(**changes):
    def change(path):
        content = read(path)
        dump(path, {**content, **{k: v(content[k]) for k, v in changes.items()}})

    return change


def without(name):
    def change(path):
        content = read(path)
        del content[name]
        dump(path, content)

    return change


DAMAGES = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_text("a\tB-X\n", encoding="utf8"), "is not a .spacy file"),
    "half": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "is truncated"),
    "last byte": (lambda path: path.write_bytes(path.read_bytes()[:-5]), "is truncated"),
    "flipped": (
        lambda path: path.write_bytes(path.read_bytes()[:300] + b"\xff\x00" * 400),
        "is damaged",
    ),
    "a list": (lambda path: dump(path, [1, 2]), "is not a DocBin: it holds a list"),
    "true": (lambda path: dump(path, True), "is not a DocBin: there is a msgpack value"),
    "other": (lambda path: dump(path, {"lang": "en"}), "no 'attrs' in it, only 'lang'"),
    "no cats": (without("cats"), "no 'cats' in it"),
    "cats": (changed(cats=lambda cats: cats[1:]), "'cats' has the length 3, for 4 documents"),
    "tokens": (changed(tokens=lambda x: x[8:]), "'tokens' has the length"),
    "tokens type": (changed(tokens=lambda _: 1), "'tokens' is of the type number"),
    "lengths": (changed(lengths=lambda x: b"\xff" * len(x)), "a document has -1 tokens"),
    "heads": (changed(tokens=lambda x: b"\x07" * len(x)), "is damaged: in documents 0 to 3"),
    "cut": (
        lambda path: path.write_bytes(zlib.compress(zlib.decompress(path.read_bytes())[:-9])),
        "is damaged",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_bad_files(tmp_path, damage):
    path = write(tmp_path / "train.spacy", range(4))
    change, message = DAMAGES[damage]
    change(path)
    with pytest.raises(ValueError, match=r"train\.spacy: ") as raised:
        list(stream(path, Vocab()))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.spacy: there is no such file"):
        files_of(tmp_path / "train.spacy")
    with pytest.raises(FileNotFoundError, match=r"there is no \.spacy file in this folder"):
        files_of(tmp_path)


def test_memory_is_bounded(tmp_path):
    """What is read is many times larger than what the process grows by."""
    docs = make_docs([0, 1, 2, 3] * 100)
    for doc in docs:
        # Reading them is slow in spaCy, and they are read one by one there, too.
        doc.spans.clear()
    path = tmp_path / "one.spacy"
    DocBin(docs=docs).to_disk(path)
    repeat(path, tmp_path / "many.spacy", 200)
    n_bytes = len(read(path)["tokens"]) * 200
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from spacy.vocab import Vocab\n"
        "from spacy_dice.diagnosis import stream\n"
        "peaks = []\n"
        "for name in sys.argv[1:]:\n"
        "    n = sum(1 for _ in stream(Path(name), Vocab()))\n"
        "    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "print(n, (peaks[1] - peaks[0]) * unit)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "many.spacy"],
        capture_output=True,
        text=True,
        check=True,
    )
    n, growth = map(int, done.stdout.split())
    assert n == 80_000
    assert growth < n_bytes / 2
