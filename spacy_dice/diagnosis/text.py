"""A diagnosis for people, in the terminal and as text."""

from collections.abc import Iterable, Iterator
from io import StringIO

from rich import box
from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from .advice import expect
from .diagnosis import Diagnosis, Finding
from .distribution import FEW, TOO_FEW, Distribution

# So many labels are shown of a component that has more: the most frequent and the rarest.
SHOWN = 20
RAREST = 6
WIDTH = 100


def to_renderable(diagnosis: Diagnosis, *, full: bool = False) -> RenderableType:
    """A diagnosis as what `rich.print` takes. full: show all labels."""
    head = f"{diagnosis.train}: {_number(diagnosis.documents, 'documents')}, "
    head += _number(diagnosis.tokens, "tokens")
    if diagnosis.dev is not None:
        head += f"; compared with {diagnosis.dev}"
    parts: list[RenderableType] = [Text(head)]
    for name, reason in diagnosis.skipped.items():
        parts.append(Text(f"Not looked at: {name}, which {reason}.", style="dim"))
    for finding in diagnosis.findings:
        parts += ["", *_finding(finding, full=full)]
    return Group(*parts)


def to_text(diagnosis: Diagnosis, *, full: bool = False) -> str:
    """The same as plain text."""
    file = StringIO()
    console = Console(file=file, width=WIDTH, color_system=None, force_terminal=False)
    console.print(to_renderable(diagnosis, full=full))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def headline(finding: Finding) -> str:
    """What there is of a component, in one line."""
    found = finding.train
    n_labels = sum(count > 0 for count in found.examples.values())
    text = f"{_number(sum(found.examples.values()), found.unit)}, "
    text += _number(n_labels, "labels", "label")
    if found.unit != "documents":
        text += f", in {_number(found.documents, 'documents')}"
    if found.background and found.majority and found.decisions is not None:
        share = found.counts[found.background] / found.decisions
        text += f"; {percent(share)} of {_number(found.decisions, found.decision)} are "
        text += found.background
    return text


def percent(share: float | None) -> str:
    """A share as a percentage."""
    return "" if share is None else f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def _finding(finding: Finding, *, full: bool) -> Iterator[RenderableType]:
    found = finding.train
    yield Rule(Text(finding.component.name, style="bold"), align="left", characters="─")
    for name, text in finding.causes.items():
        yield _paragraph(name, text)
    yield Text(headline(finding))
    yield _table(found, full=full)
    for name, text in _facts(finding):
        yield _paragraph(name, text)
    yield _paragraph("Expect", "\n".join(expect(finding.component.row, found)))
    first, *others = zip(finding.recommendations, finding.snippets, strict=True)
    for choice, snippet in others:
        yield _paragraph("Compare", f"{choice.reason}:")
        yield _code(snippet, "ini")
    # What to do comes last, where a person looks first.
    choice, recipe = first[0], finding.recipe
    text = f"{finding.component.row.name_of_loss(choice.block)}: {choice.reason}"
    yield _paragraph("Keep" if finding.keeps_loss else "Paste", text + (":" if recipe else "."))
    if recipe:
        yield _code(recipe, "ini")
    if finding.calibrate is not None:
        yield _paragraph(
            "Then" if recipe else "First",
            "tune the decisions of the trained pipeline on the dev set:",
        )
        yield _code(finding.calibrate, "bash")


def _table(found: Distribution, *, full: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("label", overflow="fold", max_width=44)
    table.add_column(found.unit, justify="right")
    with_share = found.decisions is not None
    if with_share:
        table.add_column(f"of all {found.decision}", justify="right")
    table.add_column("", width=30)
    labels = list(found.examples)
    top = max(found.examples.values(), default=0)
    hidden = 0 if full or len(labels) <= SHOWN else len(labels) - SHOWN + 1
    for i, label in enumerate(labels):
        if hidden and SHOWN - 1 - RAREST <= i < len(labels) - RAREST:
            if i == SHOWN - 1 - RAREST:
                table.add_row(Text(f"… {hidden} more: --full", style="dim"))
            continue
        count = found.examples[label]
        style = "red" if count < TOO_FEW else "yellow" if count < FEW else ""
        share = [percent(found.share(label))] if with_share else []
        bar = Bar(size=max(top, 1), begin=0, end=count, width=30, color=style or "blue")
        table.add_row(Text(label), Text(f"{count:,}", style=style), *share, bar)
    return table


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    found = finding.train
    ratios = {_ratio(found.extremes, found.decision): None, _ratio(found.ends, found.unit): None}
    ratios.pop("", None)
    if ratios:
        yield "Imbalance", "; ".join(ratios)
    for name, labels in (
        (f"Under {TOO_FEW}", found.between(0, TOO_FEW)),
        (f"{TOO_FEW} to {FEW - 1}", found.between(TOO_FEW, FEW)),
        ("Only in train", finding.only_in_train),
        ("Only in dev", finding.only_in_dev),
    ):
        if labels:
            yield name, f"{len(labels)}: {_names(labels)}"
    if finding.dev is not None and not finding.only_in_dev and not finding.only_in_train:
        yield "Train and dev", "have the same labels"


def _paragraph(name: str, text: str) -> RenderableType:
    line = Table.grid(padding=(0, 2))
    line.add_column(width=13, style="bold", no_wrap=True)
    line.add_column(overflow="fold")
    line.add_row(Text(name), Text(text))
    return line


def _code(text: str, language: str) -> RenderableType:
    # Not indented: in a config that would be the rest of the line above.
    return Syntax(text.rstrip(), language, background_color="default")


def _names(labels: Iterable[str], limit: int = 12) -> str:
    labels = list(labels)
    more = f" and {len(labels) - limit} more" if len(labels) > limit else ""
    return ", ".join(labels[:limit]) + more


def _ratio(pair: tuple[tuple[str, int], tuple[str, int]] | None, unit: str) -> str:
    if pair is None:
        return ""
    (most, n_most), (least, n_least) = pair
    value = n_most / n_least
    return f"{value:,.{0 if value >= 10 else 1}f} {unit} of {most} for each of {least}"


def _number(count: int, many: str, one: str | None = None) -> str:
    return f"{count:,} {one if one and count == 1 else many}"
