"""Figures of the page about the paper's studies: gains by share of positives, scores by alpha."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spacy_dice import _plotting
from spacy_dice.experiments.statistics import Difference, estimate

from .study import BASELINE, CALIBRATED, Study, losses_of, name_of, share_of

SHARES, ALPHAS = "imbalance", "alpha"
# Inches.
WIDTH, HEIGHT = 3.1, 2.4
# Marks of one share stand beside each other.
APART = 0.035


def draw_gains(studies: Sequence[Study], folder: Path) -> bool:
    """Draw each loss's gain over cross entropy by the share of positives; whether there is any.

    A column of panels for each study: as trained above, calibrated below.
    """
    panels = {
        (study, ending): {
            row: {share_of(dataset): gain for dataset, gain in gains.items()}
            for row in losses_of(study)
            if (gains := _gains(study, row + ending, BASELINE + ending))
        }
        for ending in ("", CALIBRATED)
        for study in studies
        if study.tables
    }
    names = list(dict.fromkeys(row for rows in panels.values() for row in rows))
    if not names:
        return False
    looks = _plotting.looks(names)
    columns = list(dict.fromkeys(study for study, _ in panels))
    with _plotting.style():
        figure = _plotting.new_figure(WIDTH * len(columns), 2 * HEIGHT + 0.3)
        axes = figure.subplots(2, len(columns), squeeze=False, sharex=True)
        for (study, ending), rows in panels.items():
            ax = axes[int(bool(ending))][columns.index(study)]
            _draw_panel(ax, rows, looks, len(names))
            title = next(iter(study.matrix.datasets)).rpartition("_")[0]
            ax.set_title(f"{title}{ending}", loc="left")
        for ax in axes[1]:
            ax.set_xlabel("% of train positive")
        for line in axes:
            line[0].set_ylabel("F1 − F1 of cross entropy, points")
        handles = [
            axes[0][0].plot([], [], looks[n].marker, color=looks[n].colour, label=n)[0]
            for n in names
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(names))
        _save(figure, folder / SHARES)
    return True


def _gains(study: Study, row: str, baseline: str) -> Mapping[str, Difference]:
    found = {name: study.gain(name, row, baseline) for name in study.matrix.datasets}
    return {name: gain for name, gain in found.items() if gain is not None}


def _draw_panel(
    ax: Axes,
    rows: Mapping[str, Mapping[int, Difference]],
    looks: Mapping[str, _plotting.Look],
    count: int,
) -> None:
    ax.axhline(0, color=_plotting.GREY, linewidth=1)
    shares: set[int] = set()
    for place, (row, gains) in enumerate(rows.items()):
        look, shares = looks[row], shares | set(gains)
        x = [share * (1 + APART) ** (place - (count - 1) / 2) for share in gains]
        y = [100 * gain.mean for gain in gains.values()]
        for at, gain in zip(x, gains.values(), strict=True):
            if gain.interval:
                ends = [100 * bound for bound in gain.interval]
                ax.plot([at, at], ends, color=look.colour, linewidth=1)
        ax.plot(x, y, look.marker, color=look.colour, markersize=look.size(5), linestyle="-", lw=1)
    ax.set_xscale("log")
    ticks = sorted(shares)
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()


def draw_alphas(studies: Sequence[Study], folder: Path) -> bool:
    """Draw F1, precision and recall of the Tversky loss by alpha, a panel for each data set."""
    found = [(study, name) for study in studies for name in study.tables]
    found = [(study, name) for study, name in found if _alphas(study, name)]
    if not found:
        return False
    with _plotting.style():
        figure = _plotting.new_figure(WIDTH * max(len(found), 2), HEIGHT + 0.5)
        axes = figure.subplots(1, len(found), squeeze=False)[0]
        for ax, (study, name) in zip(axes, found, strict=True):
            for key, colour in zip(
                study.matrix.datasets[name].scores, _plotting.COLOURS, strict=False
            ):
                _draw_alphas(ax, study, name, key, colour)
            ax.set_title(name, loc="left")
            ax.set_xlabel("alpha (false positives); beta = 1 − alpha")
            ax.set_ylabel("test, %")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        _save(figure, folder / ALPHAS)
    return True


def _alphas(study: Study, name: str) -> dict[float, str]:
    """The rows with runs, by alpha."""
    blocks = {row: dict(found.block or {}) for row, found in study.matrix.rows.items()}
    return {
        float(str(block["alpha"])): row
        for row, block in blocks.items()
        if "alpha" in block and study.runs(name, row)
    }


def _draw_alphas(ax: Axes, study: Study, name: str, key: str, colour: str) -> None:
    rows = _alphas(study, name)
    every = [estimate(list(study.scores(name, row, key).values())) for row in rows.values()]
    label = name_of(key)
    ax.plot(list(rows), [100 * e.mean for e in every], "o-", color=colour, label=label, ms=4, lw=1)
    for alpha, one in zip(rows, every, strict=True):
        if one.interval:
            ax.plot([alpha] * 2, [100 * bound for bound in one.interval], color=colour, lw=1)
    baseline = study.scores(name, study.matrix.baseline, key)
    if baseline:
        mean = 100 * estimate(list(baseline.values())).mean
        ax.axhline(mean, color=colour, linewidth=1, linestyle=":")


def _save(figure: Figure, stem: Path) -> None:
    for suffix in (".svg", ".png"):
        _plotting.save(figure, stem.with_suffix(suffix))
