"""The report of a search: what was tried, and the final comparison as `compare` shows it."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as plots

from .. import _plotting
from .._types import JSON
from ..experiments.figures import draw_all
from ..experiments.report import write_pages
from ..experiments.results import read_folder
from ..experiments.sections import Figure, Section, sections_of
from ..experiments.sheet import Sheet
from ..experiments.tables import Analysis
from ..experiments.wording import NONE, interval, name_of_score, p_value, percent, signed
from .budget import SECONDS, STEPS
from .final import FINAL
from .result import TuneResult
from .space import LOSS
from .study import ERROR, Study
from .worker import PLAIN

REPORT = "report"


def write_report(result: TuneResult, study: Study) -> Path:
    """Write `report/report.md`, `report/index.html` and the figures; returns that folder."""
    folder = result.output / REPORT
    folder.mkdir(exist_ok=True)
    final = read_folder(result.output / FINAL)
    figures = draw_all(final, folder)
    sections = [
        Section("Result", [result_sheet(result)]),
        Section("What was tried", [trials_sheet(study)], _drawn(study, folder)),
        *sections_of(Analysis(final), figures),
    ]
    write_pages(folder, final, sections)
    return folder


def result_sheet(result: TuneResult) -> Sheet:
    """What was trained again with fresh seeds, and what came of it."""
    rows = []
    for name, found in result.candidates.items():
        difference = NONE if found.difference is None else signed(found.difference)
        rows.append(
            [
                f"{name} (chosen)" if name == result.chosen else name,
                said(found.loss),
                said(found.settings),
                percent(found.searched),
                percent(found.dev),
                difference,
                interval(found.interval),
                interval(found.documents),
                p_value(found.p),
                percent(found.test),
                percent(found.plain),
            ]
        )
    return Sheet(
        title=f"{result.component}, {name_of_score(result.metric)} in %",
        header=[
            "candidate",
            "loss",
            "settings",
            "dev, in the search",
            "dev, fresh seeds",
            "to stock",
            "over seeds",
            "over documents",
            "p",
            "test",
            f"{result.part}, not calibrated",
        ],
        rows=rows,
        note=f"{result.reason} Decisions are tuned alike for all, dev scores cross-fitted; the "
        "choice is made on the dev set. Differences and 95 % intervals are of the dev scores with "
        f"fresh seeds ({', '.join(map(str, result.seeds))}). All trainings together cost as much "
        f"as {result.cost:.1f} with the stock loss.",
    )


def trials_sheet(study: Study) -> Sheet:
    """All trials."""
    return Sheet(
        title="Trials",
        header=["trial", "loss", "settings", "dev", "not calibrated", "steps", "minutes", "ended"],
        rows=[_line(study, trial) for trial in study.trials() if trial.params],
        note="Dev scores in %, cross-fitted where decisions were tuned. A trial that fell behind "
        "was ended early, and has the best score until then.",
    )


def said(settings: Mapping[str, JSON]) -> str:
    """Settings in a line.

    >>> said({"@losses": "dice.DSC.v1", "ce_weight": 0.3})
    'dice.DSC.v1, ce_weight 0.3'
    """
    words = [
        str(value)
        if key.startswith("@")
        else f"{key} {value if isinstance(value, str) else json.dumps(value)}"
        for key, value in settings.items()
    ]
    return ", ".join(words) or NONE


def _line(study: Study, trial: FrozenTrial) -> Sequence[str]:
    row = study.space.row(trial)
    attributes = trial.user_attrs
    ended = {"COMPLETE": "done", "PRUNED": "early"}.get(trial.state.name, trial.state.name.lower())
    return [
        row.name,
        said(row.block or {}),
        said(row.overrides or {}),
        percent(trial.value),
        percent(attributes.get(PLAIN)),
        f"{attributes.get(STEPS, NONE)}",
        f"{attributes.get(SECONDS, 0.0) / 60:.1f}",
        f"{ended}: {attributes[ERROR]}" if ERROR in attributes else ended,
    ]


def _drawn(study: Study, folder: Path) -> list[Figure]:
    """Optuna's own figures, where there is something to draw."""
    trials = study.trials()
    drawn: dict[str, Axes] = {}
    figures = []
    # Optuna chooses another style for all that is drawn from then on.
    with _plotting.style(), warnings.catch_warnings():
        # Of Optuna that its plots are experimental, of matplotlib that a range is empty.
        warnings.simplefilter("ignore")
        if any(len(trial.intermediate_values) > 1 for trial in trials):
            drawn["trials"] = plots.plot_intermediate_values(study.study)
        done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        shown = [LOSS, *study.space.settings]
        lines = [trial for trial in done if all(name in trial.params for name in shown)]
        if len({trial.value for trial in lines}) > 1:
            drawn["parallel"] = plots.plot_parallel_coordinate(study.study, params=shown)
        for name, axes in drawn.items():
            axes.set_title("")
            figure = axes.get_figure()
            assert isinstance(figure, MatplotlibFigure)
            figure.set_layout_engine("tight")
            for suffix in ("svg", "png"):
                _plotting.save(figure, folder / f"{name}.{suffix}")
            figures.append(Figure(stem=name, name=name))
            # It draws with pyplot, which keeps figures.
            pyplot.close(figure)
    return figures
