"""Commands for experiments."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the results")]


@app.command()
def compare(
    matrix: Annotated[Path, typer.Argument(help="YAML file that declares the experiments")],
    output: Output,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one on each core")] = 1,
    backend: Annotated[str, typer.Option(help="loky (this machine) or dask (a cluster)")] = "loky",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, tcp://…")
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Only this data set; repeat it")] = None,
    loss: Annotated[list[str] | None, typer.Option(help="Only this loss; repeat it")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Only this seed; repeat it")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, -1 for CPU")] = -1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Train again what was defined differently before")
    ] = False,
) -> None:
    """Train a matrix of data sets x losses x seeds, and record each run.

    Stopped at any moment and started again, it trains what is missing. The exit status is 1 if a
    run failed.
    """
    with refusals():
        from ..experiments.matrix import read_matrix
        from ..experiments.runner import compare as call

        whole = read_matrix(matrix)
        summary = call(
            whole,
            output,
            part=whole.select(dataset or (), loss or (), seed or ()),
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            gpu_id=gpu_id,
            replace=replace,
        )
    typer.echo(
        f"{output}: {summary.trained} runs trained, {summary.found} were there already, "
        f"{len(summary.failed)} failed"
    )
    for run, error in summary.failed.items():
        typer.secho(f"✘ {run}: {error}", fg=typer.colors.RED, err=True)
    raise typer.Exit(1 if summary.failed else 0)
