"""Entities of a plain text, by a trained reader that is asked for each type."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import minibatch

from .._validation import listed, refuse
from ..queries.entities import entity_queries
from .base import GetExamples


class QueryNER(Pipe):
    """Asks a reader, a pipeline with `query_spans`, for the entities of each type.

    The reader is given when the component is initialized, and saved with it:

        [components.query_ner]
        factory = "query_ner"

        [components.query_ner.queries]
        PER = "Which persons are named?"

        [initialize.components.query_ner]
        reader = "training/mrc_ner/model-best"

    Entities may not overlap: of those that do the most probable one stays, then the first.

    queries: what is asked for, by type.
    RAISES: ValueError if there is no query, or one is blank.
    """

    def __init__(
        self,
        nlp: Language,
        name: str = "query_ner",
        *,
        queries: Mapping[str, str],
        scorer: Any = None,
    ) -> None:
        owner = f"[components.{name}]"
        if not queries:
            refuse(owner, 'queries must have a query for each type: PER = "Which persons …?"')
        for label, query in queries.items():
            if not query.strip():
                refuse(owner, f"queries: that for {label!r} is blank")
        self.vocab, self.name, self.scorer = nlp.vocab, name, scorer
        self.queries = dict(queries)
        self._reader: Language | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The types that are asked for."""
        return tuple(self.queries)

    @property
    def reader(self) -> Language:
        """The pipeline that is asked. RAISES: ValueError if none was given yet."""
        if self._reader is None:
            refuse(
                f"[components.{self.name}]",
                f"there is no reader: give one in [initialize.components.{self.name}]",
            )
        return self._reader

    def initialize(
        self,
        get_examples: GetExamples,
        *,
        nlp: Language | None = None,
        reader: str | Path | None = None,
    ) -> None:
        """Take the reader. reader: a folder or a package. RAISES: ValueError if it is none."""
        if reader is not None:
            self.set_reader(spacy.load(reader))

    def set_reader(self, reader: Language) -> None:
        """Ask this pipeline from now on. RAISES: ValueError if none of its components answers."""
        _settings_of(f"[components.{self.name}]", reader)
        self._reader = reader

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of a document."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 32) -> Iterator[Doc]:
        """Set the entities of documents; each is asked once for each type."""
        reader = self.reader
        settings = _settings_of(f"[components.{self.name}]", reader)
        keys = {key: settings[key] for key in ("separator", "query_key", "spans_key")}
        queries = {label: reader.make_doc(query) for label, query in self.queries.items()}
        for batch in minibatch(stream, batch_size):
            # A text without words cannot be asked about.
            asked = [
                (i, label, made)
                for i, doc in enumerate(batch)
                if doc.text.strip()
                for label, made in entity_queries(reader.vocab, doc, queries, **keys)
            ]
            found: list[list[tuple[float, Span]]] = [[] for _ in batch]
            answered = reader.pipe(made for _, _, made in asked)
            for (i, label, _), doc in zip(asked, answered, strict=True):
                shift = doc.spans[keys["query_key"]][0].end
                group = doc.spans[keys["spans_key"]]
                for span, score in zip(group, group.attrs["scores"], strict=True):
                    place = (span.start - shift, span.end - shift)
                    found[i].append((score, Span(batch[i], *place, label=label)))
            for doc, spans in zip(batch, found, strict=True):
                doc.set_ents(_apart(spans), default="outside")
                yield doc

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """The scores of the scorer, if there is one."""
        return self.scorer(examples, **settings) if self.scorer else {}

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the component and its reader to a folder."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        srsly.write_json(path / "cfg", {"queries": self.queries})
        if self._reader is not None:
            self._reader.to_disk(path / "reader")

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "QueryNER":
        """Read both from a folder."""
        path = Path(path)
        self.queries = dict(srsly.read_json(path / "cfg")["queries"])
        if (path / "reader").is_dir():
            self._reader = spacy.load(path / "reader")
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the component and its reader."""
        reader = self._reader
        parts = None if reader is None else [reader.config.to_str(), reader.to_bytes()]
        made: bytes = srsly.msgpack_dumps({"queries": self.queries, "reader": parts})
        return made

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "QueryNER":
        """Take both from what `to_bytes` gave."""
        state = srsly.msgpack_loads(data)
        self.queries = dict(state["queries"])
        if state["reader"] is not None:
            config = spacy.util.load_config_from_str(state["reader"][0])
            self._reader = spacy.util.load_model_from_config(config)
            self._reader.from_bytes(state["reader"][1])
        return self


def _settings_of(owner: str, reader: Language) -> dict[str, Any]:
    """The settings of the component of a reader that answers. RAISES: ValueError."""
    found = [pipe.cfg for _, pipe in reader.pipeline if "query_key" in getattr(pipe, "cfg", {})]
    if len(found) != 1 or not found[0]["query_key"]:
        refuse(
            owner,
            "the reader must have one component that answers queries, got the pipeline "
            f"{listed(reader.pipe_names) or 'without components'}",
        )
    return dict(found[0])


def _apart(spans: list[tuple[float, Span]]) -> list[Span]:
    """Of spans that overlap the most probable one."""
    kept: list[Span] = []
    for _, span in sorted(spans, key=lambda one: (-one[0], one[1].start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return kept
