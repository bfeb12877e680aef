"""The final comparison: the two best and the stock loss with fresh seeds, and what is delivered."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy
from confection import Config
from optuna.trial import FrozenTrial, TrialState
from spacy.training.loop import DIR_MODEL_BEST

from .._files import replaced_folder, write_text
from .._validation import refuse
from ..calibration import calibrate_pipeline
from ..configs import set_loss, set_settings, set_stock
from ..experiments.definition import Run, runs_of
from ..experiments.results import Table, read_folder
from ..experiments.rows import Row
from ..experiments.runner import compare
from ..experiments.statistics import differences
from ..experiments.training import Job, run_job
from .budget import STEPS
from .result import CONFIG, MODEL, RESULT, Candidate, TuneResult, read_result, reason_of
from .space import STOCK
from .study import ERROR, Study
from .task import BASE, SEED, Task

# So many candidates are trained again, beside the stock loss.
FINALISTS = 2
# In the folder of the search: the records of the final comparison, and its pipelines.
FINAL, MODELS = "final", "models"


def best_of(study: Study) -> dict[str, FrozenTrial]:
    """The trials to train again by the names of their rows, the stock loss first.

    Those that were no better than the stock loss are left out, and what trains the same as a
    better one.
    RAISES: ValueError if the stock loss could not be trained.
    """
    trials = study.trials()
    stock = trials[0]
    if stock.state is not TrialState.COMPLETE or stock.value is None:
        refuse("tune", f"the stock loss could not be trained: {stock.user_attrs.get(ERROR)}")
    found = {STOCK: stock}
    space = study.space
    seen = {space.identity(space.row(stock))}
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    for trial in sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number)):
        if len(found) > FINALISTS or (trial.value or 0.0) <= stock.value:
            break
        row = space.row(trial)
        if (identity := space.identity(row)) not in seen:
            seen.add(identity)
            found[row.name] = trial
    return found


def finish(task: Task, study: Study, *, seeds: int, settings: Mapping[str, Any]) -> TuneResult:
    """Compare the best with fresh seeds, choose, and write the pipeline and its config.

    settings: those of `compare` that say where it runs.
    RAISES: ValueError if a training of the comparison failed.
    """
    best = best_of(study)
    rows = {name: study.space.row(trial) for name, trial in best.items()}
    fresh = tuple(range(SEED + 1, SEED + 1 + seeds))
    matrix = task.matrix(rows.values(), fresh, test=True)
    folder, models = task.output / FINAL, task.output / MODELS
    summary = compare(matrix, folder, models=models, gpu_id=task.gpu_id, **settings)
    for run, error in summary.failed.items():
        refuse("tune", f"the final comparison is not whole: {run}: {error}")
    # What is chosen by never sees the test set.
    dev = read_folder(folder, part="dev").tables[task.dataset.name]
    shown = read_folder(folder).tables[task.dataset.name]
    candidates = compared(task, best, rows, dev, shown)
    better = [name for name, candidate in candidates.items() if candidate.better]
    chosen = max(better, key=lambda name: candidates[name].dev, default=STOCK)
    scores = dev.rows[task.counted(chosen)].scores(task.metric)
    seed = max((seed for seed in fresh if seed in scores), key=lambda seed: scores[seed])
    old = read_result(task.output)
    if old is None or (old.chosen, old.seed) != (chosen, seed):
        # What is recorded is always what is there.
        (task.output / RESULT).unlink(missing_ok=True)
        _deliver(task, rows[chosen], _run(runs_of(matrix), task.counted(chosen), seed))
    states = [trial.state for trial in study.trials()]
    return TuneResult(
        output=task.output,
        component=task.dataset.component,
        metric=task.metric,
        chosen=chosen,
        reason=reason_of(candidates, chosen),
        candidates=candidates,
        trials={
            "complete": states.count(TrialState.COMPLETE),
            "pruned": states.count(TrialState.PRUNED),
            "failed": states.count(TrialState.FAIL),
        },
        seeds=fresh,
        seed=seed,
        cost=_cost(study.trials(), dev, rows),
    )


def compared(
    task: Task,
    best: Mapping[str, FrozenTrial],
    rows: Mapping[str, Row],
    dev: Table,
    shown: Table,
) -> dict[str, Candidate]:
    """What the final comparison says of each candidate.

    dev: the runs without their test scores. shown: the same with them.
    """
    metric = task.metric
    counted = {task.counted(name): dev.rows[task.counted(name)] for name in rows}
    found = differences(replace(dev, rows=counted), metric)
    candidates = {}
    for name, row in rows.items():
        key = task.counted(name)
        difference = found.get(key)
        candidates[name] = Candidate(
            name=name,
            loss=dict(row.block or {}),
            settings=_changed(task, row),
            trial=best[name].number,
            searched=best[name].value,
            dev=_mean(dev.rows[key].scores(metric).values()),
            test=_mean(shown.rows[key].scores(metric).values()) if task.dataset.test else None,
            plain=_mean(shown.rows[name].scores(metric).values()),
        )
        if difference is not None:
            candidates[name] = replace(
                candidates[name],
                difference=difference.mean,
                interval=difference.interval,
                documents=difference.bootstrap,
                p=difference.p_holm,
                better=difference.significant and difference.mean > 0,
            )
    return candidates


def config_of(task: Task, text: str, row: Row) -> str:
    """The text of a config in which a row is trained; everything else stays as it is."""
    name = task.dataset.component
    if row.name == STOCK and task.way == "callback":
        text = set_stock(text, name)
    else:
        text = set_loss(text, name, row.block, way=task.way)
    return set_settings(text, _changed(task, row))


def _deliver(task: Task, row: Row, run: Run) -> None:
    """Write the pipeline of a run of the final comparison, and the config that makes it.

    The pipeline was trained with a factory of this package; it becomes what the config says.
    """
    models = task.output / MODELS
    if not (models / run.trained).exists():
        # A later call with another winner; what is not delivered was removed.
        (record,) = run_job(Job(runs=(run,), gpu_id=task.gpu_id, models=models))
        if "error" in record:
            refuse("tune", f"{run}: {record['error']}")
    trained = models / run.trained / DIR_MODEL_BEST
    logger = Config().from_disk(task.output / BASE, interpolate=False)["training"]["logger"]
    with replaced_folder(task.output / MODEL) as folder:
        if task.decisions is None:
            shutil.copytree(trained, folder, dirs_exist_ok=True)
        else:
            folder.rmdir()
            calibrate_pipeline(
                str(trained),
                task.dataset.dev,
                folder,
                task.dataset.component,
                metric=task.decisions.metric,
                types=task.decisions.types,
            )
        path = folder / CONFIG
        text = config_of(task, path.read_text(encoding="utf8"), row)
        write_text(path, set_settings(text, {"training.logger": logger}))
    write_text(task.output / CONFIG, config_of(task, task.text, row))


def _run(runs: Iterable[Run], row: str, seed: int) -> Run:
    return next(run for run in runs if run.row.name == row and run.seed == seed)


def _changed(task: Task, row: Row) -> dict[str, Any]:
    """The settings of a row that are not those of the config."""
    own = task.space.own
    return {k: v for k, v in (row.overrides or {}).items() if k not in own or own[k] != v}


def _cost(trials: Sequence[FrozenTrial], dev: Table, rows: Mapping[str, Row]) -> float:
    """All steps of training, as a multiple of those of the stock loss."""
    ends = {
        name: [run.get("last_step", 0) for run in dev.rows[name].by_seed.values()] for name in rows
    }
    steps = sum(trial.user_attrs.get(STEPS, 0) for trial in trials) + sum(map(sum, ends.values()))
    return float(steps / max(_mean(ends[STOCK]), 1.0))


def _mean(values: Iterable[float]) -> float:
    return float(numpy.mean(list(values)))
