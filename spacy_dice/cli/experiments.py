"""Commands for experiments."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the results")]


@app.command()
def compare(
    output: Output,
    matrix: Annotated[
        Path | None, typer.Argument(help="YAML file that declares the experiments")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one on each core")] = 1,
    backend: Annotated[str, typer.Option(help="loky (this machine) or dask (a cluster)")] = "loky",
    scheduler: Annotated[
        str | None, typer.Option(help="Address of the Dask scheduler, tcp://…")
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Only this data set; repeat it")] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="Only this loss; with --config this one; repeat it")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Only this seed; repeat it")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, -1 for CPU")] = -1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Train again what was defined differently before")
    ] = False,
    models: Annotated[
        Path | None, typer.Option(help="Folder that keeps the trained pipelines, for later rows")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="spaCy config, in place of a YAML file for one data set")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="With --config: .spacy file")] = None,
    dev: Annotated[Path | None, typer.Option(help="With --config: .spacy file")] = None,
    test: Annotated[Path | None, typer.Option(help="With --config: .spacy file")] = None,
    component: Annotated[
        str | None, typer.Option(help="With --config: the component, if several can have a loss")
    ] = None,
    seeds: Annotated[int, typer.Option(help="With --config: how many seeds", min=1)] = 3,
    steps: Annotated[
        int | None, typer.Option(help="With --config: so many steps; as the config says")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="With --config: until dev has not risen for so many steps")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="With --patience: at most")] = None,
) -> None:
    """Train a matrix of data sets x losses x seeds, and record each run.

    For one data set no YAML file is needed: --config config.cfg --train train.spacy
    --dev dev.spacy --loss CE --loss DSC, of which the first loss is the baseline.

    Stopped at any moment and started again, it trains what is missing. The exit status is 1 if a
    run failed.
    """
    with refusals():
        from .._validation import refuse
        from ..experiments.matrix import read_matrix
        from ..experiments.runner import compare as call
        from ..experiments.single import single_matrix

        if (matrix is None) == (config is None):
            refuse("compare", "give a YAML file, or --config with --train, --dev and --loss")
        if matrix is not None:
            whole = read_matrix(matrix)
        elif config is not None and train is not None and dev is not None:
            whole = single_matrix(
                config,
                train=train,
                dev=dev,
                test=test,
                component=component,
                losses=loss or (),
                seeds=seeds,
                steps=steps,
                patience=patience,
                max_steps=max_steps,
            )
            loss = None
        else:
            refuse("compare", "--config needs --train and --dev")
        summary = call(
            whole,
            output,
            part=whole.select(dataset or (), loss or (), seed or ()),
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            gpu_id=gpu_id,
            replace=replace,
            models=models,
        )
    typer.echo(
        f"{output}: {summary.trained} runs trained, {summary.found} were there already, "
        f"{len(summary.failed)} failed"
    )
    for run, error in summary.failed.items():
        typer.secho(f"✘ {run}: {error}", fg=typer.colors.RED, err=True)
    raise typer.Exit(1 if summary.failed else 0)


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="Folder that `compare` wrote")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report; RESULTS/report")
    ] = None,
    readme: Annotated[
        list[Path] | None,
        typer.Option(help="Markdown file whose marked tables are brought up to date; repeat it"),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Compare with this loss, and not with that of the matrix")
    ] = None,
    plots: Annotated[bool, typer.Option(help="Draw the figures, which needs matplotlib")] = True,
    full: Annotated[bool, typer.Option("--full", help="Show all tables, as Markdown")] = False,
) -> None:
    """Write tables, figures and an HTML page about the results of `compare`.

    In other Markdown files tables go between `<!-- dice-report:NAME -->` and
    `<!-- /dice-report -->`, where NAME is the name of the matrix for its overview, NAME/DATASET for
    the scores of a data set, and NAME/all for those over all data sets.
    """
    with refusals():
        from rich.console import Console

        from ..experiments.report import write_report

        overview = write_report(
            results, output, baseline=baseline, plots=plots, readmes=readme or ()
        )
        written = output or results / "report"
        if full:
            typer.echo((written / "report.md").read_text(encoding="utf8"))
        elif overview is not None:
            Console().print(overview.to_renderable())
    typer.echo(f"The report: {written / 'index.html'}")


@app.command()
def calibrate(
    model: Annotated[str, typer.Argument(help="Trained pipeline: a folder or a package")],
    dev: Annotated[Path, typer.Argument(help="Dev set, a .spacy file")],
    output: Annotated[Path, typer.Argument(help="Folder for the calibrated pipeline")],
    component: Annotated[
        str | None, typer.Option(help="The name of the component, if there are several")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="micro, macro, accuracy, or a label whose F-score alone counts"),
    ] = None,
    beta: Annotated[
        float, typer.Option(help="How much more recall counts than precision in the F-score")
    ] = 1.0,
    types: Annotated[
        bool, typer.Option("--types", help="NER: an offset on each entity type, too")
    ] = False,
    labels: Annotated[
        bool, typer.Option(help="A threshold for each label, or one for all of them")
    ] = True,
    prior: Annotated[
        Path | None,
        typer.Option(help="Training data, a .spacy file: one number for all labels, see below"),
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of the cross-fitting", min=2)] = 5,
    record: Annotated[
        Path | None, typer.Option(help="JSON file for the offsets and the scores on the dev set")
    ] = None,
) -> None:
    """Tune what decides between the labels of a trained pipeline to the score on a dev set.

    spancat and textcat_multilabel get a threshold for each label, span_finder gets one; tagger,
    morphologizer, textcat and spancat_singlelabel get an offset on each label, senter on first
    tokens, NER on the move O. They go into the bias of the output layer, so that the result is a
    pipeline like the one before. With --types NER gets an offset on each entity type, too, and only
    those that are better by more than may be chance. With --no-labels spancat and
    textcat_multilabel get one threshold for all labels. With --prior tagger, morphologizer and
    textcat get one number, tau: the offset of a label is -tau times the logarithm of how often it
    is gold in the training data.

    The score is micro F1 for entities, spans and sentences, and macro F1 for labels of tokens and
    texts, unless --metric says another.
    """
    with refusals():
        from .._files import write_json
        from ..calibration import calibrate_pipeline

        found = calibrate_pipeline(
            model,
            dev,
            output,
            component,
            metric=metric,
            beta=beta,
            types=types,
            labels=labels,
            prior=prior,
            folds=folds,
        )
        if record is not None:
            write_json(record, found.to_dict())
    typer.echo(found.to_text())
    typer.echo(f"Saved to {output}")
