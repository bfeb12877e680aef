"""The page about the paper's studies: its tables, ours beside them, and what its claims come to.

Differences are paired by seed, with Student's 95 % interval over seeds. `spacy dice report` on the
folder of a study says more about it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from spacy_dice._files import write_text
from spacy_dice.experiments.folder import Record
from spacy_dice.experiments.matrix import Matrix
from spacy_dice.experiments.page import to_html
from spacy_dice.experiments.report import to_markdown
from spacy_dice.experiments.results import Results
from spacy_dice.experiments.sections import Figure, Section
from spacy_dice.experiments.sheet import Sheet, titled
from spacy_dice.experiments.statistics import Difference, estimate
from spacy_dice.experiments.wording import (
    NONE,
    interval,
    mean_with_margin,
    percent,
    signed,
)

from .figures import ALPHAS, SHARES, draw_alphas, draw_gains
from .study import BASELINE, CALIBRATED, Study, losses_of, name_of, share_of

PUBLISHED = Path(__file__).parent / "published.json"
TITLE = "The studies of Li et al. 2020"
CAPTIONS = {
    SHARES: "What each loss gains over cross entropy (F1, test) by the share of train that is "
    "positive, with the size of train fixed: as trained above, both calibrated on dev below. "
    "Bars are 95 % intervals over seeds.",
    ALPHAS: "The Tversky loss by alpha, beta = 1 − alpha: F1, precision and recall on test, mean "
    "and 95 % interval over seeds. Dotted is cross entropy.",
}


class _Figure(Figure):
    """A figure of this page."""

    __slots__ = ()

    @property
    def caption(self) -> str:
        """What it shows."""
        return CAPTIONS[self.name]


def write_page(matrices: Mapping[str, Matrix], results: Path) -> Path:
    """Write `report/index.html`, `report.md` and figures into the folder of results.

    matrices: by the names of their files. RETURNS: the page.
    """
    published = json.loads(PUBLISHED.read_text(encoding="utf8"))
    studies = {name: Study(name, matrix, results) for name, matrix in matrices.items()}
    output = results / "report"
    output.mkdir(parents=True, exist_ok=True)
    sections = [Section("What the paper claims", [claims(published, studies)])]
    for table in published["tables"]:
        its = [studies[name] for name in table["studies"] if name in studies]
        sheets = [theirs(published, table), *map(ours, its)]
        if its and table["claim"]:
            sheets.append(gains(table, its))
        if its:
            sheets.append(trained(its))
        figures = _figures(ALPHAS, draw_alphas(its, output)) if not table["claim"] else ()
        sections.append(
            Section(
                f"{table['title']} (table{'s' * (' ' in table['number'])} {table['number']})",
                sheets,
                figures,
            )
        )
    shares = [study for name, study in studies.items() if name.startswith("imbalance_")]
    if shares:
        sheets = [*(by_share(study) for study in shares), trained(shares)]
        figures = _figures(SHARES, draw_gains(shares, output))
        sections.insert(1, Section("Which share of positives a loss is for", sheets, figures))
    every = Results(
        name="paper",
        title=TITLE,
        baseline=BASELINE,
        tables={
            f"{study.name}: {dataset}": table
            for study in studies.values()
            for dataset, table in study.tables.items()
        },
        failed={
            f"{study.name}: {run}": error
            for study in studies.values()
            for run, error in (study.results.failed.items() if study.results else ())
        },
    )
    svgs = {
        figure.stem: (output / f"{figure.stem}.svg").read_text(encoding="utf8")
        for section in sections
        for figure in section.figures
    }
    write_text(output / "report.md", to_markdown(every, sections))
    write_text(output / "index.html", to_html(every, sections, svgs))
    return output / "index.html"


def _figures(name: str, drawn: bool) -> Sequence[Figure]:
    return [_Figure(stem=name, name=name)] if drawn else []


def claims(published: Mapping[str, Any], studies: Mapping[str, Study]) -> Sheet:
    """What each claim comes to here, a row for each study."""
    lines = []
    for table in published["tables"]:
        better = "better" if table["claim"] > 0 else "worse"
        claim = f"{table['title']}: DSC is {better} than CE in {table['score']}"
        if not table["claim"]:
            continue
        for name in table["studies"] or [""]:
            study = studies.get(name)
            found = study.mean_gain("DSC") if study else None
            lines.append(
                [
                    claim,
                    f"{name}: {study.models}" if study else NONE,
                    signed(found.mean) if found else NONE,
                    interval(found.interval) if found else NONE,
                    verdict(table["claim"], found),
                ]
            )
    return Sheet(
        title="Claims",
        header=["claim", "here", "DSC − CE, points", "95 % interval", "verdict"],
        rows=lines,
        note="Here is the mean over the data sets of a study, paired by seed. The paper trains on "
        "the loss alone, here every loss has its defaults: DL, TL and DSC have cross entropy mixed "
        "in, because alone they do not train in spaCy's components. "
        f"{published['citation']}, {published['url']}.",
    )


def verdict(claim: int, found: Difference | None) -> str:
    """A sentence about a claim, whose sign says whether a loss should be better or worse."""
    if found is None:
        return "Not tested here: no runs."
    if found.interval is None:
        return "Not tested here: one seed."
    low, high = sorted(claim * bound for bound in found.interval)
    if low > 0:
        return "Confirmed here."
    if high < 0:
        return "Not confirmed here: it is the other way round."
    return "Not confirmed here: the interval holds zero."


def f1_of(cell: float | Sequence[float]) -> float:
    """The score of a published cell, which may be more numbers; F1 is the last."""
    return float(cell[-1] if isinstance(cell, Sequence) else cell)


def theirs(published: Mapping[str, Any], table: Mapping[str, Any]) -> Sheet:
    """The table of the paper."""
    columns = table["columns"]
    losses = dict.fromkeys(loss for rows in columns.values() for loss in rows)
    other = [
        f"{column}, " + ", ".join(f"{loss} {value:.2f}" for loss, value in found.items())
        for column, found in published["not_the_harmonic_mean"].items()
        if column in columns
    ]
    note = f"Fine-tuned {table['model']}, {table['score']} in %; one number each, no seeds."
    if other:
        note += (
            " Where F1 as printed is not the harmonic mean of precision and recall as printed, "
            f"this is: {'; '.join(other)}."
        )
    return Sheet(
        title="The paper",
        header=["loss", *columns],
        rows=[
            [loss, *(f"{f1_of(r[loss]):.2f}" if loss in r else NONE for r in columns.values())]
            for loss in losses
        ],
        note=note,
    )


def ours(study: Study) -> Sheet:
    """All rows of a study; what is not recorded is a dash."""
    columns = [(d, key) for d in study.matrix.datasets.values() for key in d.scores]
    lines = []
    for row in study.matrix.rows:
        cells = [row]
        for dataset, key in columns:
            found = study.scores(dataset.name, row, key)
            cells.append(mean_with_margin(estimate(list(found.values()))) if found else NONE)
        lines.append(cells)
    seeds = sorted(
        {len(runs.by_seed) for table in study.tables.values() for runs in table.rows.values()}
    )
    note = "No runs are recorded."
    if study.results and seeds:
        number = " to ".join(str(n) for n in dict.fromkeys([seeds[0], seeds[-1]]))
        of_seeds = "one seed" if number == "1" else f"mean of {number} seeds"
        note = titled(f"Test scores in %, {of_seeds}", study.results.trained)
        note += "; ± half of the 95 % interval over seeds. Calibrated rows are the models of the "
        note += "row above with their decisions tuned on the dev set."
        missing = [name for name in study.matrix.datasets if name not in study.tables]
        if missing:
            note += f" Not run: {', '.join(missing)}."
    return Sheet(
        title=f"Here: {study.name}, {study.models}",
        header=["loss", *(f"{d.name}, {name_of(k)}" for d, k in columns)],
        rows=lines,
        note=note,
    )


def gains(table: Mapping[str, Any], studies: Sequence[Study]) -> Sheet:
    """What a loss gains over cross entropy in the paper and here, on each data set."""
    lines = []
    for study in studies:
        pairs = {name: column for column, here in table["here"].items() for name in here}
        for dataset in study.matrix.datasets:
            column = table["columns"].get(pairs.get(dataset), {})
            for row in losses_of(study):
                there = (
                    (f1_of(column[row]) - f1_of(column[BASELINE])) / 100
                    if row in column and BASELINE in column
                    else None
                )
                here = study.gain(dataset, row)
                both = study.gain(dataset, row + CALIBRATED, BASELINE + CALIBRATED)
                beyond = None if there is None or here is None else here.mean - there
                lines.append(
                    [
                        f"{row}, {dataset}",
                        study.model(dataset),
                        NONE if there is None else signed(there),
                        signed(here.mean) if here else NONE,
                        interval(here.interval) if here else NONE,
                        NONE if beyond is None else signed(beyond),
                        signed(both.mean) if both else NONE,
                        interval(both.interval) if both else NONE,
                    ]
                )
    return Sheet(
        title=f"Difference from {BASELINE}",
        header=[
            "loss, data set",
            "model here",
            "the paper",
            "here",
            "95 % interval",
            "here − the paper",
            "here, both calibrated",
            "95 % interval",
        ],
        rows=lines,
        note="Points of the main score. A dash: not in the paper, or no runs here.",
    )


def by_share(study: Study) -> Sheet:
    """What each loss gains over cross entropy by the share of positives."""
    rows = losses_of(study)
    lines = []
    for dataset in study.matrix.datasets:
        base = list(study.scores(dataset, BASELINE).values())
        cells = [f"{share_of(dataset)} %", percent(fmean(base)) if base else NONE]
        for ending in ("", CALIBRATED):
            for row in rows:
                found = study.gain(dataset, row + ending, BASELINE + ending)
                text = f"{signed(found.mean)} ({interval(found.interval)})" if found else NONE
                cells.append(text)
        lines.append(cells)
    return Sheet(
        title=f"Gain over {BASELINE}, {next(iter(study.matrix.datasets)).rpartition('_')[0]}",
        header=[
            "positive in train",
            f"{BASELINE}, F1",
            *rows,
            *(f"{row}{CALIBRATED}" for row in rows),
        ],
        rows=lines,
        note="Points of F1 on the test set, which has the share that it has; in brackets the 95 % "
        f"interval over seeds. Calibrated rows are compared with {BASELINE}{CALIBRATED}.",
    )


def trained(studies: Sequence[Study]) -> Sheet:
    """How large models and data are, and how long was trained."""
    lines = []
    for study in studies:
        for name, table in study.tables.items():
            runs = [
                run
                for row, runs in table.rows.items()
                if not row.endswith(CALIBRATED)
                for run in runs.by_seed.values()
            ]
            sizes = next((run["sizes"] for run in runs if run.get("sizes")), {})
            steps = [run["last_step"] for run in runs if run.get("last_step")]
            ends = dict.fromkeys([min(steps), max(steps)]) if steps else {}
            lines.append(
                [
                    name,
                    study.model(name),
                    f"{sizes['parameters'] / 1e6:.1f}" if sizes else NONE,
                    *(f"{sizes[p]:,}" if p in sizes else NONE for p in ("train", "dev", "test")),
                    " to ".join(f"{n:,}" for n in ends) or NONE,
                    f"{sum(map(_rising, runs))} of {len(runs)}",
                    f"{fmean(run['wall_seconds'] for run in runs) / 60:.1f}" if runs else NONE,
                ]
            )
    return Sheet(
        title="What was trained",
        header=[
            "data set",
            "model",
            "million parameters",
            "documents in train",
            "in dev",
            "in test",
            "steps",
            "runs best on dev at the end",
            "minutes a run",
        ],
        rows=lines or [[NONE] * 9],
        note="A run that is best on dev at its end may not have converged. Minutes depend on what "
        "else the machine did.",
    )


def _rising(run: Record) -> bool:
    return bool(run.get("last_step")) and run.get("best_step") == run["last_step"]
