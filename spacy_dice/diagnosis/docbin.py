"""Documents of `.spacy` files, read as a stream.

`spacy.tokens.DocBin` holds a whole file in memory, and decompressed, which is ten times its size
and more. Here a file is read twice: first to find where its parts begin, keeping a copy of the
decompressor at each; then all parts side by side. In memory are some documents, and the distinct
strings of the file.
"""

import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy
from numpy.typing import NDArray
from spacy.attrs import IDS as ATTRIBUTES
from spacy.parts_of_speech import IDS as PARTS_OF_SPEECH
from spacy.strings import StringStore
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Unpacker
from tqdm import tqdm

from .._validation import listed, refuse

# How many tokens, and how many documents, are in memory at a time.
TOKENS = 50_000
DOCUMENTS = 2_000
_COMPRESSED = 1 << 14
_DECOMPRESSED = 1 << 16
_SUFFIX = ".spacy"
# What labels a token by a string, or by a part of speech.
_LABELS = [ATTRIBUTES[name] for name in ("TAG", "MORPH", "LEMMA", "DEP", "ENT_TYPE", "POS")]


def files_of(path: Path) -> list[Path]:
    """The `.spacy` files of a folder, or the file itself, as `spacy.Corpus.v1` finds them.

    RAISES: FileNotFoundError if there is nothing at `path`, or no such file in the folder.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such file")
    found = [
        file
        for file in sorted(path.rglob(f"*{_SUFFIX}"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not found:
        raise FileNotFoundError(f"{path}: there is no {_SUFFIX} file in this folder")
    return found


def stream(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Yield the documents of a file, or of the files of a folder, but those without tokens.

    They are those of `spacy.training.Corpus`, but for `user_data`, which is not read. In a terminal
    there is a progress bar.

    vocab: takes the strings of the file. Documents share it, and are not kept.
    RAISES: FileNotFoundError; ValueError for a file that is empty, truncated, damaged or not a
        DocBin.
    """
    with tqdm(unit="doc", unit_scale=True, disable=None, dynamic_ncols=True, leave=False) as bar:
        bar.total = 0
        for file in files_of(path):
            with DocBinFile(file) as bin_:
                bar.total += bin_.n_documents
                for doc in bin_.documents(vocab):
                    bar.update(1)
                    if len(doc):
                        yield doc


class _Unreadable(Exception):
    """What is wrong with a file, for who knows its name."""


class _Decompressor(Protocol):
    """What `zlib.decompressobj` makes."""

    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    def copy(self) -> "_Decompressor": ...


class _Cursor:
    """A place in what a file decompresses to; it reads on from there, and can be copied."""

    def __init__(
        self, file: BinaryIO, state: _Decompressor, offset: int = 0, compressed: bytes = b""
    ) -> None:
        self._file = file
        self._state = state
        self._offset = offset
        self._compressed = compressed

    def copy(self) -> "_Cursor":
        """Another cursor at the same place."""
        return _Cursor(self._file, self._state.copy(), self._offset, self._compressed)

    def read(self, size: int) -> bytes:
        """`size` bytes, or what is left. RAISES: _Unreadable if the file is truncated, damaged."""
        pieces = []
        while size:
            piece = self._piece(size)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def take(self, size: int) -> bytes:
        """`size` bytes. RAISES: _Unreadable if there are not so many."""
        taken = self.read(size)
        if len(taken) < size:
            raise _Unreadable(f"is damaged: {size - len(taken)} bytes are missing at its end")
        return taken

    def skip(self, size: int) -> None:
        """Leave out `size` bytes."""
        while size:
            size -= len(self.take(min(size, _DECOMPRESSED)))

    def _piece(self, size: int) -> bytes:
        while not self._state.eof:
            is_last = False
            if not self._compressed:
                self._file.seek(self._offset)
                self._compressed = self._file.read(_COMPRESSED)
                self._offset += len(self._compressed)
                is_last = not self._compressed
            try:
                # There may be more to come of what went in before, even where nothing goes in.
                piece = self._state.decompress(self._compressed, size)
            except zlib.error as error:
                raise _Unreadable(
                    f"is not a {_SUFFIX} file, or is damaged ({error}); `python -m spacy convert` "
                    "and `DocBin.to_disk` write such files"
                ) from error
            self._compressed = self._state.unconsumed_tail
            if piece:
                return piece
            if is_last:
                raise _Unreadable("is truncated: it ends in the middle of the data")
        return b""


class _Part(NamedTuple):
    """A value of the DocBin: its msgpack type, its length, and where it begins."""

    type: str
    length: int
    cursor: _Cursor


class DocBinFile(AbstractContextManager["DocBinFile"]):
    """A `.spacy` file, to be used in a `with` block.

    n_documents: how many there are, also of those without tokens.
    RAISES: ValueError for a file that is empty, truncated, damaged or not a DocBin.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        try:
            with self._refusing():
                self._open()
                self._check()
        except BaseException:
            self._file.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def documents(self, vocab: Vocab) -> Iterator[Doc]:
        """Yield the documents, as `DocBin.get_docs` does, without `user_data`."""
        with self._refusing():
            for string in self._items("strings"):
                vocab.strings.add(string)
        tokens, spaces = (self._parts[name].cursor.copy() for name in ("tokens", "spaces"))
        cats, flags, groups = (self._items(name) for name in ("cats", "flags", "span_groups"))
        width = len(self._attrs)
        first = 0
        for lengths in self._lengths():
            n = len(lengths)
            with self._refusing(f"in documents {first} to {first + n - 1}: "):
                n_tokens, ends = int(lengths.sum()), lengths.cumsum()[:-1]
                part = DocBin()
                part.attrs = self._attrs
                array = numpy.frombuffer(tokens.take(8 * width * n_tokens), dtype="uint64")
                array = array.reshape(n_tokens, width)
                _check_labels(self._attrs, array, vocab.strings)
                part.tokens = numpy.split(array, ends)
                flat = numpy.frombuffer(spaces.take(n_tokens), dtype=bool)
                part.spaces = numpy.split(flat.reshape(n_tokens, 1), ends)
                part.cats = list(islice(cats, n))
                part.flags = list(islice(flags, n)) or [{}] * n
                part.span_groups = list(islice(groups, n)) or [b""] * n
                part.user_data = [None] * n
                for doc in part.get_docs(vocab):
                    _check_document(doc)
                    yield doc
            first += n

    @contextmanager
    def _refusing(self, where: str = "") -> Iterator[None]:
        """Refuse the file for whatever is raised: there is no list of what damage can lead to."""
        try:
            yield
        except OSError:
            raise
        except _Unreadable as error:
            refuse(str(self.path), str(error))
        except Exception as error:
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            refuse(str(self.path), f"is damaged: {where}{' '.join(reason.split())}")

    def _open(self) -> None:
        if not self.path.stat().st_size:
            raise _Unreadable("is empty")
        cursor = _Cursor(self._file, zlib.decompressobj())
        self._parts: dict[str, _Part] = {}
        head = self._header(cursor)
        if head.type != "map":
            raise _Unreadable(f"is not a DocBin: it holds a {head.type}")
        for _ in range(head.length):
            key = self._header(cursor)
            name = cursor.take(key.length).decode("utf8", "replace")
            value = self._header(cursor)
            self._parts[name] = value._replace(cursor=cursor.copy())
            self._skip(cursor, value)

    def _check(self) -> None:
        for name, type_ in _TYPES.items():
            part = self._parts.get(name)
            if part is None and name in _OPTIONAL:
                self._parts[name] = _Part(type_, 0, self._parts["lengths"].cursor)
            elif part is None:
                raise _Unreadable(
                    f"is not a DocBin: there is no {name!r} in it, only {listed(self._parts)}"
                )
            elif part.type != type_:
                raise _Unreadable(f"is damaged: {name!r} is of the type {part.type}")
        self._attrs = list(self._items("attrs"))
        self.n_documents = self._parts["lengths"].length // 4
        n_tokens = 0
        for lengths in self._lengths():
            if lengths.min() < 0:
                raise _Unreadable(f"is damaged: a document has {lengths.min()} tokens")
            n_tokens += int(lengths.sum())
        expected = {
            "lengths": (4 * self.n_documents,),
            "tokens": (8 * len(self._attrs) * n_tokens,),
            "spaces": (n_tokens,),
            "cats": (self.n_documents,),
            "flags": (self.n_documents, 0),
            "span_groups": (self.n_documents, 0),
        }
        for name, lengths_of_part in expected.items():
            if self._parts[name].length not in lengths_of_part:
                raise _Unreadable(
                    f"is damaged: {name!r} has the length {self._parts[name].length}, for "
                    f"{self.n_documents} documents of {n_tokens} tokens"
                )

    def _lengths(self) -> Iterator[NDArray[numpy.int32]]:
        """The lengths of documents, for so many of them as are read together."""
        cursor = self._parts["lengths"].cursor.copy()
        for start in range(0, self.n_documents, DOCUMENTS):
            size = 4 * min(DOCUMENTS, self.n_documents - start)
            lengths = numpy.frombuffer(cursor.take(size), dtype="int32")
            groups = lengths.cumsum() // TOKENS
            yield from numpy.split(lengths, numpy.flatnonzero(numpy.diff(groups)) + 1)

    def _items(self, name: str) -> Iterator[Any]:
        """The items of a list."""
        part = self._parts[name]
        unpacker = _unpacker(part.cursor.copy())
        for _ in range(part.length):
            yield unpacker.unpack()

    def _skip(self, cursor: _Cursor, part: _Part) -> None:
        if part.type in ("bytes", "string"):
            cursor.skip(part.length)
        elif part.type != "number":
            unpacker = _unpacker(cursor.copy())
            for _ in range(part.length * (2 if part.type == "map" else 1)):
                unpacker.skip()
            cursor.skip(unpacker.tell())

    def _header(self, cursor: _Cursor) -> _Part:
        """Type and length of the msgpack value that begins here, with the cursor behind them."""
        code = cursor.take(1)[0]
        for low, high, type_ in _FIXED:
            if low <= code <= high:
                return _Part(type_, code - low, cursor)
        if code not in _SIZED:
            raise _Unreadable(f"is not a DocBin: there is a msgpack value of type {code:#x}")
        type_, size = _SIZED[code]
        return _Part(type_, int.from_bytes(cursor.take(size), "big"), cursor)


def _unpacker(cursor: _Cursor) -> Unpacker:
    return Unpacker(cursor, raw=False, read_size=_DECOMPRESSED)


def _check_labels(
    attrs: Sequence[int], tokens: NDArray[numpy.uint64], strings: StringStore
) -> None:
    """Refuse labels that are not among the strings. tokens: `(n_tokens, n_attrs)`."""
    for column, attr in enumerate(attrs):
        known: StringStore | Collection[int] = strings
        if attr == ATTRIBUTES["POS"]:
            known = PARTS_OF_SPEECH.values()
        if attr in _LABELS:
            for value in numpy.unique(tokens[:, column]).tolist():
                if value not in known:
                    raise ValueError(f"there is no string with the hash {value}")


def _check_document(doc: Doc) -> None:
    """Refuse what spaCy reads without a look at it: categories and span groups."""
    if not isinstance(doc.cats, dict):
        raise ValueError(f"categories are {doc.cats!r}")
    for label, score in doc.cats.items():
        if not isinstance(label, str) or not isinstance(score, int | float):
            raise ValueError(f"the category {label!r} has the score {score!r}")
    for key, group in doc.spans.items():
        for span in group:
            if not 0 <= span.start <= span.end <= len(doc):
                raise ValueError(
                    f"a span in {key!r} goes from {span.start} to {span.end}, in a document of "
                    f"{len(doc)} tokens"
                )
            if span.label not in doc.vocab.strings:
                raise ValueError(f"there is no string with the hash {span.label}")


# What a DocBin has; the last ones came with later versions of spaCy.
_TYPES = {
    "attrs": "list",
    "lengths": "bytes",
    "tokens": "bytes",
    "spaces": "bytes",
    "strings": "list",
    "cats": "list",
    "flags": "list",
    "span_groups": "list",
}
_OPTIONAL = ("flags", "span_groups")
# https://github.com/msgpack/msgpack/blob/master/spec.md
_FIXED = ((0x80, 0x8F, "map"), (0x90, 0x9F, "list"), (0xA0, 0xBF, "string"), (0, 0x7F, "number"))
_SIZED = {
    **dict(zip((0xC4, 0xC5, 0xC6), (("bytes", n) for n in (1, 2, 4)), strict=True)),
    **dict(zip((0xD9, 0xDA, 0xDB), (("string", n) for n in (1, 2, 4)), strict=True)),
    **dict(zip((0xDC, 0xDD), (("list", n) for n in (2, 4)), strict=True)),
    **dict(zip((0xDE, 0xDF), (("map", n) for n in (2, 4)), strict=True)),
}
