"""The command that finds the loss, its settings and the decisions for a data set."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals

# What a shell expects of a command that Ctrl-C ended.
INTERRUPTED = 130


@app.command()
def tune(
    config: Annotated[
        Path, typer.Argument(help="Config of spaCy, as `spacy init config` makes it")
    ],
    train: Annotated[Path, typer.Option(help="Train set, a .spacy file")],
    dev: Annotated[Path, typer.Option(help="Dev set, a .spacy file")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the pipeline, its config, the study")
    ],
    test: Annotated[
        Path | None, typer.Option(help="Test set, a .spacy file, looked at once, at the end")
    ] = None,
    component: Annotated[
        str | None, typer.Option(help="The component to tune, if several can have a loss")
    ] = None,
    budget: Annotated[
        str, typer.Option(help="Of the search: '20 trials', '90 minutes', '50000 steps'")
    ] = "20 trials",
    seeds: Annotated[int, typer.Option(help="Of the final comparison: how many")] = 5,
    metric: Annotated[
        str | None, typer.Option(help="The score that counts, by default the config's main one")
    ] = None,
    search: Annotated[
        Path | None, typer.Option(help="YAML file with losses and settings to search")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one on each core")] = 1,
    backend: Annotated[str, typer.Option(help="loky (this machine) or dask (a cluster)")] = "loky",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, tcp://…")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, -1 for CPU")] = -1,
) -> None:
    """Find the loss, its settings and the decisions for your data, and never make it worse.

    The stock loss and what is recommended are tried first, then what a search by Optuna suggests.
    The two best are trained again with fresh seeds beside the stock loss, all calibrated alike. One
    of them is taken if it is better on the dev set by more than chance, and the stock loss
    otherwise.

    OUTPUT gets the calibrated pipeline, model-best, and config.cfg, which trains it. Stopped at any
    moment and called again, it goes on; several calls at the same time share the work.
    """
    with refusals():
        from ..tuning import status
        from ..tuning import tune as call

        try:
            result = call(
                config,
                train,
                dev,
                output,
                test=test,
                component=component,
                budget=budget,
                seeds=seeds,
                metric=metric,
                search=search,
                jobs=jobs,
                backend=backend,
                scheduler=scheduler,
                gpu_id=gpu_id,
            )
        except KeyboardInterrupt:
            typer.echo(f"Stopped: {status(output)}. The same command goes on.", err=True)
            raise typer.Exit(INTERRUPTED) from None
    typer.echo(result.to_text())
    typer.echo(f"The pipeline: {output / 'model-best'}; what trains it: {output / 'config.cfg'}")
