"""From a corpus and a config to what is to be said about each component."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from spacy.strings import StringStore
from spacy.util import load_config
from spacy.vocab import Vocab
from thinc.api import Config

from .._types import JSON
from .._validation import check_choice, listed, refuse
from ..components import COMPONENTS, Component, row_of_factory
from ..components.base import annotation_of
from ..components.tallies import Categories, ExclusiveCategories, GroupTally, Tally
from .advice import Recommendation, expect, recommend, to_command, to_settings, to_snippet
from .candidates import Candidates
from .causes import of_score_weights, of_squared_error, of_suggester, squared_error
from .distribution import Distribution
from .docbin import files_of, stream

# They learn what other components ask of them.
_SHARED = ("tok2vec", "transformer", "curated_transformer")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A component to look at: its name, its row in the table, and its block in the config.

    callback: the block of the loss that `dice.use_losses.v1` gives it, if any.
    """

    name: str
    row: Component
    settings: Mapping[str, JSON]
    callback: Mapping[str, JSON] | None = None

    @property
    def factory(self) -> str | None:
        """The factory with a loss that it needs; None if it has that already."""
        needed = self.row.factory
        return None if self.settings.get("factory") == needed else needed

    @property
    def loss(self) -> Mapping[str, JSON]:
        """The block of the loss that it is trained with."""
        own = {"@losses": self.row.stock_loss} if self.factory else self.row.loss
        loss = self.callback or self.settings.get("loss")
        return loss if isinstance(loss, Mapping) else own

    @property
    def stock(self) -> str:
        """The stock factory."""
        return self.row.stock

    def tally(self) -> Tally:
        """What counts its labels."""
        return self.row.tally(self.settings)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found for a component; without a dev set `dev` and `dev_path` are None.

    candidates, dev_candidates: of a span categorizer in a config, where the suggester tells.
    causes: what low scores come from before any loss, by a short name.
    """

    component: Wanted
    train: Distribution
    dev: Distribution | None
    dev_path: Path | None = None
    candidates: Candidates | None = None
    dev_candidates: Candidates | None = None
    causes: Mapping[str, str] = field(default_factory=dict)

    @property
    def recommendations(self) -> list[Recommendation]:
        """The losses to try, the first choice first."""
        return recommend(self.component.row, self.train)

    @property
    def snippets(self) -> list[str]:
        """The loss blocks to paste, in the same order."""
        return [
            to_snippet(self.component.name, self.component.factory, choice.block)
            for choice in self.recommendations
        ]

    @property
    def keeps_loss(self) -> bool:
        """Whether the first choice is what the component is trained with already."""
        return dict(self.component.loss) == self.recommendations[0].block

    @property
    def recipe(self) -> str:
        """All that goes into the config for the first choice; empty if nothing is to be changed."""
        block = "" if self.keeps_loss else self.snippets[0]
        return block + to_settings(self.recommendations[0].recipe.config)

    @property
    def calibrate(self) -> str | None:
        """The command to go on with after training; None if there is nothing to tune."""
        options = self.recommendations[0].recipe.calibrate
        if options is None:
            return None
        return to_command(self.component.name, options, self.dev_path)

    @property
    def only_in_train(self) -> list[str]:
        """The labels that no dev score says anything about."""
        return [] if self.dev is None else self.train.only_here(_seen(self.dev))

    @property
    def only_in_dev(self) -> list[str]:
        """The labels that cannot be learned."""
        return [] if self.dev is None else self.dev.only_here(_seen(self.train))

    def to_dict(self) -> dict[str, JSON]:
        """All of it, for JSON."""
        return {
            "factory": self.component.stock,
            "train": self.train.to_dict(),
            "dev": None if self.dev is None else self.dev.to_dict(),
            "only_in_train": self.only_in_train,
            "only_in_dev": self.only_in_dev,
            **self._causes_to_dict(),
            "expect": expect(self.component.row, self.train),
            "losses": [
                {"block": choice.block, "reason": choice.reason} for choice in self.recommendations
            ],
            "snippets": self.snippets,
            "keeps_loss": self.keeps_loss,
            "recipe": self.recipe,
            "calibrate": self.calibrate,
        }

    def _causes_to_dict(self) -> dict[str, JSON]:
        """What only a config tells; nothing without one."""
        found: dict[str, JSON] = {"causes": dict(self.causes)} if self.causes else {}
        for name, of in (("train", self.candidates), ("dev", self.dev_candidates)):
            if of is not None:
                found[f"{name}_candidates"] = {
                    "sizes": list(of.sizes),
                    "total": of.total,
                    "lengths": {str(length): n for length, n in of.lengths.items()},
                    "recall": of.recall,
                    "negatives": of.negatives,
                    "enough": of.enough,
                }
        return found


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found in a corpus.

    documents, tokens: of the train set, those without tokens left out.
    skipped: components of the config that were not looked at, and why.
    """

    train: Path
    dev: Path | None
    documents: int
    tokens: int
    findings: list[Finding]
    skipped: Mapping[str, str]

    def to_dict(self) -> dict[str, JSON]:
        """All of it, for JSON."""
        return {
            "train": self.train.as_posix(),
            "dev": None if self.dev is None else self.dev.as_posix(),
            "documents": self.documents,
            "tokens": self.tokens,
            "skipped": dict(self.skipped),
            "components": {finding.component.name: finding.to_dict() for finding in self.findings},
        }


def diagnose(
    train: Path, config: Path | None = None, dev: Path | None = None, component: str | None = None
) -> Diagnosis:
    """Look at the labels of a corpus, for each trainable component.

    train: a `.spacy` file or a folder of such. Memory is bounded: it is read as a stream.
    config: the components are those of this config; without it, all whose annotation there is.
    dev: another corpus, to compare the labels with; by default the config's `[paths] dev`.
    component: only this one; without a config, the name of a stock factory.
    RAISES: FileNotFoundError; ValueError for files that cannot be read, an unknown component, and a
        corpus without the annotation of a component.
    """
    wanted: list[Wanted] | None = None
    skipped: dict[str, str] = {}
    settings = Config()
    if config is not None:
        settings = _read_config(config)
        wanted, skipped = _components_of(settings, config)
        dev = dev or _dev_of(settings, config)
    elif component is not None:
        wanted = [_by_itself(row) for row in COMPONENTS.values()]
    if component is not None and wanted is not None:
        check_choice(str(config or train), "component", component, [w.name for w in wanted])
        wanted = [w for w in wanted if w.name == component]
    if dev is not None:
        # Before the other is read, which may take minutes.
        files_of(dev)
    of_train = _Count(train, wanted)
    of_dev = None if dev is None else _Count(dev, [w for w, _ in of_train.tallies], required=False)
    in_dev = {} if of_dev is None else of_dev.distributions()
    tallies = {} if of_dev is None else {w.name: tally for w, tally in of_dev.tallies}
    return Diagnosis(
        train=train,
        dev=dev,
        documents=of_train.documents,
        tokens=of_train.tokens,
        findings=[
            _finding(
                Finding(
                    component=wanted,
                    train=Distribution.of(tally, of_train.strings),
                    dev=in_dev.get(wanted.name),
                    dev_path=dev,
                ),
                settings,
                tally,
                tallies.get(wanted.name),
            )
            for wanted, tally in of_train.tallies
        ],
        skipped=skipped,
    )


def _finding(found: Finding, config: Config, train: Tally, dev: Tally | None) -> Finding:
    """What was found, and what low scores come from as far as the config tells."""
    wanted = found.component
    of_train, of_dev = Candidates.of(train), dev and Candidates.of(dev)
    causes: dict[str, str] = {}
    if not found.train.is_balanced and of_squared_error(
        wanted.row, wanted.settings, wanted.callback
    ):
        causes["Squared error"] = squared_error(wanted.row)
    if isinstance(train, GroupTally):
        weights = config.get("training", {}).get("score_weights") or {}
        text = of_score_weights(train.key, weights)
        if text:
            causes["Always 0"] = text
        if dev is not None and not dev.is_there:
            causes["No dev"] = f"no document of the dev set has a span group {train.key!r}"
    causes.update(of_suggester(of_train, of_dev or None))
    return replace(found, candidates=of_train, dev_candidates=of_dev or None, causes=causes)


class _Count:
    """The labels of a corpus, counted in one go.

    wanted: what to count; None for all that there is.
    required: whether to refuse a corpus that lacks the annotation of a component.
    """

    def __init__(
        self, path: Path, wanted: Iterable[Wanted] | None, *, required: bool = True
    ) -> None:
        self.documents = self.tokens = 0
        vocab = Vocab()
        self.strings: StringStore = vocab.strings
        self.tallies = [(w, w.tally()) for w in wanted or _of_any_corpus()]
        spancat = COMPONENTS["dice_spancat"]
        keys: set[str] = set()
        for doc in stream(path, vocab):
            self.documents += 1
            self.tokens += len(doc)
            for key in set(doc.spans) - keys if wanted is None else ():
                keys.add(key)
                spans = Wanted(name=f"spancat_{key}", row=spancat, settings={"spans_key": key})
                self.tallies.append((spans, spans.tally()))
            for _, tally in self.tallies:
                tally.add(doc)
        if not self.documents:
            refuse(str(path), "has no documents with tokens")
        if wanted is None:
            self.tallies = list(self._there())
            required = not self.tallies
        lacking = [w for w, tally in self.tallies if not tally.is_there]
        if required and (lacking or not self.tallies):
            names = ", ".join(f"{w.name!r} ({w.stock})" for w in lacking)
            refuse(
                str(path),
                f"has no annotation for {names or 'any component'}; what it has is "
                f"{listed(_annotation(path)) or 'none at all'}",
            )

    def _there(self) -> Iterator[tuple[Wanted, Tally]]:
        """What there is annotation for; categories are either exclusive or not."""
        consistent = all(
            tally.is_consistent
            for _, tally in self.tallies
            if isinstance(tally, ExclusiveCategories)
        )
        other = Categories if consistent else ExclusiveCategories
        for wanted, tally in self.tallies:
            if tally.is_there and type(tally) is not other:
                yield wanted, tally

    def distributions(self) -> dict[str, Distribution]:
        """What was counted, by the name of the component."""
        return {w.name: Distribution.of(tally, self.strings) for w, tally in self.tallies}


def _of_any_corpus() -> Iterator[Wanted]:
    """What to look for where no config says it: each annotation once, by the first component.

    The keys of span groups are not known yet.
    """
    rows = {row.tally: row for row in reversed(COMPONENTS.values())}
    for row in COMPONENTS.values():
        if rows[row.tally] is row and not issubclass(row.tally, GroupTally):
            yield _by_itself(row)


def _by_itself(row: Component) -> Wanted:
    return Wanted(name=row.stock, row=row, settings={})


def _annotation(path: Path) -> list[str]:
    """What any document is annotated with; one of one token always has a sentence."""
    found: dict[str, None] = {}
    for doc in stream(path, Vocab()):
        if len(doc) > 1 or doc.cats:
            found.update(dict.fromkeys(annotation_of(doc)))
    return list(found)


def _read_config(path: Path) -> Config:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        return load_config(path, interpolate=True)
    except ValueError as error:
        # spaCy's message has a line for each thing that is wrong.
        refuse(str(path), f"is not a config that spaCy can read: {' '.join(str(error).split())}")


def _components_of(config: Config, path: Path) -> tuple[list[Wanted], dict[str, str]]:
    """The components to look at, and why others are left out."""
    frozen = config.get("training", {}).get("frozen_components") or ()
    callback = (config.get("initialize") or {}).get("before_init") or {}
    losses = callback.get("losses", {})
    wanted, skipped = [], {}
    for name, block in config.get("components", {}).items():
        factory = str(block.get("factory", ""))
        row = row_of_factory(factory)
        if "source" in block:
            skipped[name] = f"comes from {block['source']}"
        elif name in frozen:
            skipped[name] = "is frozen"
        elif row is not None:
            wanted.append(Wanted(name=name, row=row, settings=block, callback=losses.get(name)))
        elif factory not in _SHARED:
            skipped[name] = f"has the factory {factory}, whose loss cannot be chosen"
    if not wanted:
        reasons = "; ".join(f"{name} {reason}" for name, reason in skipped.items())
        refuse(str(path), f"has no component whose loss can be chosen ({reasons or 'none at all'})")
    return wanted, skipped


def _dev_of(config: Config, path: Path) -> Path | None:
    """The dev set of a config, a path from where the command is called."""
    dev = config.get("paths", {}).get("dev")
    if not dev:
        return None
    if not Path(dev).exists():
        raise FileNotFoundError(
            f"{dev}: there is no such file, as [paths] dev of {path} says; name another with --dev"
        )
    return Path(dev)


def _seen(found: Distribution) -> set[str]:
    return {label for label, count in found.examples.items() if count}
