"""A row of a matrix: a loss that is trained, or what is made of the models of other rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from .._types import JSON
from .._validation import refuse
from .blocks import is_count, mapping, overrides, switch, text, texts, unknown

# What is made of several trained pipelines, and the key that says how many.
Use = Literal["distill", "ensemble", "best_of"]
_COUNTS = {"distill": "teachers", "ensemble": "teachers", "best_of": "runs"}
# Between the seeds of these pipelines.
SEED_STEP = 1000


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the tables: a loss that is trained, or what is made of the models of other rows.

    block: the `[components.….loss]` block, of a student without its teachers; None for a row that
        trains nothing itself.
    overrides: settings of the config that go with this loss, by their dotted names.
    calibrate: the name of the row whose models are calibrated on the dev set.
    metric: what they are calibrated to, an average or a label; None for what is usual.
    types: whether entity types get offsets, too.
    labels: whether labels get a threshold each; False for one for all of them.
    prior: whether they get one factor of their log frequencies in the training data.
    use: what is made of several pipelines of other rows.
    sources, n_sources: the names of these rows, and how many of each.
    """

    name: str
    block: Mapping[str, JSON] | None = None
    overrides: Mapping[str, JSON] | None = None
    calibrate: str | None = None
    metric: str | None = None
    types: bool = False
    labels: bool = True
    prior: bool = False
    use: Use | None = None
    sources: tuple[str, ...] = ()
    n_sources: int = 0

    def source_seeds(self, seed: int) -> list[int]:
        """The seeds of the pipelines that are taken of each row, for one of the matrix's seeds.

        They differ for each of these, so that what is compared by seed is independent. The best of
        several has the seed of the matrix among them; teachers and ensembles, which are the same
        ones, have not.
        """
        first = 0 if self.use == "best_of" else 1
        return [seed + SEED_STEP * i for i in range(first, first + self.n_sources)]


def parse_row(owner: str, name: str, block: JSON) -> Row:
    """The row that a block makes. RAISES: ValueError."""
    if isinstance(block, str):
        return Row(name=name, block={"@losses": block})
    if isinstance(block, Mapping) and "@losses" in block:
        return Row(name=name, block=dict(block))
    if isinstance(block, Mapping) and "calibrate" in block:
        block = mapping(owner, block, ("calibrate", "metric", "types", "labels", "prior"))
        return Row(
            name=name,
            calibrate=str(block["calibrate"]),
            metric=text(owner, block, "metric") or None,
            types=switch(owner, block, "types", False),
            labels=switch(owner, block, "labels", True),
            prior=switch(owner, block, "prior", False),
        )
    for use in get_args(Use):
        if isinstance(block, Mapping) and use in block:
            return _row_of_several(owner, name, block, use)
    if isinstance(block, Mapping) and "loss" in block:
        block = mapping(owner, block, ("loss", "overrides"))
        return Row(name=name, block=_loss(owner, block), overrides=overrides(owner, block))
    refuse(
        owner,
        "expected the name of a registered loss, a block with '@losses', {loss: …, overrides: …}, "
        "{calibrate: NAME}, {distill: NAME, teachers: 3}, {ensemble: NAME, teachers: 3} or "
        f"{{best_of: NAME, runs: 5}}, got {block!r}",
    )


def check_references(owner: str, rows: Mapping[str, Row]) -> None:
    """Refuse rows that are made of others which are not there, or not trained by themselves.

    RAISES: ValueError.
    """
    for row in rows.values():
        place = f"{owner}: losses: {row.name}"
        if row.calibrate is not None:
            if row.calibrate not in rows:
                unknown(f"{place}: calibrate", "loss", row.calibrate, rows)
            if rows[row.calibrate].calibrate is not None:
                refuse(place, f"{row.calibrate!r} is calibrated already")
            if rows[row.calibrate].block is None:
                refuse(place, f"{row.calibrate!r} has no model of its own that can be calibrated")
        for source in row.sources:
            if source not in rows:
                unknown(f"{place}: {row.use}", "loss", source, rows)
            if rows[source].block is None or rows[source].use:
                refuse(
                    f"{place}: {row.use}",
                    f"must name rows of losses that are trained without others, got {source!r}",
                )


def _row_of_several(owner: str, name: str, block: Mapping[str, JSON], use: Use) -> Row:
    count = _COUNTS[use]
    own = ("mix", "loss", "overrides") if use == "distill" else ()
    block = mapping(owner, block, (use, count, *own), required=(count,))
    named = block[use]
    sources = texts(owner, {use: [named]} if isinstance(named, str) else block, use)
    if not sources or (use == "best_of" and len(sources) > 1):
        wanted = "the name of a row" if use == "best_of" else "one or more names of rows"
        refuse(owner, f"{use} must be {wanted}, got {named!r}")
    n_sources = block[count]
    if not is_count(n_sources) or not n_sources:
        refuse(owner, f"{count} must be an integer > 0, got {n_sources!r}")
    student: dict[str, JSON] | None = None
    if use == "distill":
        student = {"@losses": "dice.Distill.v1"}
        if "mix" in block:
            student["mix"] = block["mix"]
        if "loss" in block:
            student["loss"] = _loss(owner, block)
    return Row(
        name=name,
        block=student,
        overrides=overrides(owner, block),
        use=use,
        sources=sources,
        n_sources=n_sources,
    )


def _loss(owner: str, block: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """The block of a loss that stands in another block."""
    loss = parse_row(owner, "", block["loss"])
    if loss.block is None or loss.use or loss.overrides:
        refuse(owner, f"loss must be a registered loss, got {block['loss']!r}")
    return loss.block
