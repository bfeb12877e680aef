"""Damaged files are read or refused, in one line that names the file; nothing else is raised."""

import random
import zlib
from collections import Counter

import pytest
import srsly
from pipelines import document
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import msgpack_decoders

from spacy_dice.diagnosis import diagnose, stream

# A value of each msgpack type, and lists and maps of them: in most places what a DocBin has not.
SHAPES = [
    *(None, True, 0, -1, 3, 2**63, 2**64 - 1, 1.5, "", "x", b"", b"x", b"\xff", [], {}),
    *([None], [-1], ["x"], [[]], [{}], {"a": 1}, {1: 2}, [{"A": "x"}], [{"A": None}], [{"A": [1]}]),
]


def good_file():
    """Documents with all annotation, without any, and without tokens."""
    vocab = Vocab()
    docs = [document(vocab, kind) for kind in range(4)]
    docs += [Doc(vocab, words=["some", "words"]), Doc(vocab)]
    return DocBin(docs=docs).to_bytes()


class Damage:
    """What can happen to a file; each method makes another damaged one."""

    def __init__(self, rng):
        self.rng = rng
        self.file = GOOD
        self.plain = zlib.decompress(GOOD)
        self.content = srsly.msgpack_loads(self.plain)

    def truncated(self):
        return self.file[: self.rng.randrange(len(self.file))]

    def truncated_before_compression(self):
        return zlib.compress(self.plain[: self.rng.randrange(len(self.plain))])

    def bits_flipped(self):
        return self.flip(self.file)

    def bits_flipped_before_compression(self):
        return zlib.compress(self.flip(self.plain))

    def garbage(self):
        return self.rng.randbytes(self.rng.randrange(400))

    def garbage_before_compression(self):
        return zlib.compress(self.garbage())

    def another_shape(self):
        return self.packed(self.rng.choice(SHAPES))

    def another_shape_within(self):
        return self.packed(self.replace(self.content))

    def another_token(self):
        """A value of an attribute of a token: any number, a small one, that of another, a large."""
        tokens = bytearray(self.content["tokens"])
        here, there = (8 * self.rng.randrange(len(tokens) // 8) for _ in range(2))
        small = self.rng.randrange(1, 12)
        tokens[here : here + 8] = self.rng.choice(
            [
                self.rng.randbytes(8),
                small.to_bytes(8, "little"),
                tokens[there : there + 8],
                (2**64 - small).to_bytes(8, "little"),
            ]
        )
        return self.packed({**self.content, "tokens": bytes(tokens)})

    def another_span(self):
        groups = list(self.content["span_groups"])
        i = self.rng.randrange(len(groups))
        group = bytearray(groups[i] or b"\x90")
        group[self.rng.randrange(len(group))] = self.rng.randrange(256)
        groups[i] = bytes(group)
        return self.packed({**self.content, "span_groups": groups})

    def flip(self, content):
        flipped = bytearray(content)
        for _ in range(self.rng.choice([1, 1, 2, 8])):
            flipped[self.rng.randrange(len(flipped))] ^= 1 << self.rng.randrange(8)
        return bytes(flipped)

    def replace(self, value, depth=0):
        """The content with another value in some place."""
        is_leaf = not isinstance(value, list | dict) or not value
        if depth and (is_leaf or self.rng.random() < 0.4):
            return self.rng.choice(SHAPES)
        changed = value.copy()
        key = self.rng.choice(list(changed) if isinstance(changed, dict) else range(len(changed)))
        changed[key] = self.replace(changed[key], depth + 1)
        return changed

    def packed(self, content):
        return zlib.compress(srsly.msgpack_dumps(content))


GOOD = good_file()
WAYS = [
    name
    for name in vars(Damage)
    if name.split("_")[0] in ("truncated", "bits", "garbage", "another")
]
CASES = 200


@pytest.mark.parametrize("way", WAYS)
def test_damaged_files_are_read_or_refused(tmp_path, monkeypatch, cases, way):
    # Decoders of other packages are looked for with each value that is unpacked: most of the time.
    monkeypatch.setattr(msgpack_decoders, "entry_points", False)
    path = tmp_path / "train.spacy"
    found = Counter()
    for seed in range(CASES):
        path.write_bytes(getattr(Damage(random.Random(seed)), way)())
        outcome = outcome_of(path, with_labels=found["read"] % 32 == 0)
        assert outcome in ("read", "refused"), f"seed {seed}: {outcome}"
        found[outcome] += 1
    cases(CASES, found["read"] + found["refused"])
    assert found["refused"] > CASES / 10


def outcome_of(path, *, with_labels):
    """`read`, `refused`, or what is wrong with the refusal."""
    try:
        for doc in stream(path, Vocab()):
            assert len(doc)
        if with_labels:
            # Their names are looked up, too, which takes longer than all the rest.
            diagnose(path)
    except Exception as error:
        message = str(error)
        is_right = type(error) is ValueError and message.startswith(f"{path}: ")
        return "refused" if is_right and "\n" not in message else repr(error)
    return "read"


@pytest.mark.parametrize("missing", ["NNP", "SHIP", "Number=Sing"])
def test_strings_that_are_missing(tmp_path, missing):
    """Labels are hashes; a file without their strings is refused before they are counted."""
    path = tmp_path / "train.spacy"
    content = srsly.msgpack_loads(zlib.decompress(GOOD))
    content["strings"].remove(missing)
    path.write_bytes(zlib.compress(srsly.msgpack_dumps(content)))
    with pytest.raises(ValueError, match=r"in documents 0 to 5: there is no string"):
        list(stream(path, Vocab()))
