"""Commands for configs."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals


class Way(str, Enum):
    """How a loss is plugged in."""

    callback = "callback"
    factory = "factory"


@app.command("init-config")
def init_config(
    config: Annotated[
        Path, typer.Argument(help="Config of spaCy, as `spacy init config` makes it")
    ],
    output: Annotated[
        Path | None, typer.Argument(help="File for the config with the loss; without it, print it")
    ] = None,
    component: Annotated[
        list[str] | None,
        typer.Option(help="Component to train with the loss; repeat it; by default the only one"),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="DSC, CE, dice.FL.v1, …; by default what is recommended"),
    ] = None,
    way: Annotated[
        Way,
        typer.Option(
            "--as", help="callback: the trained pipeline is a stock one; factory: it is not"
        ),
    ] = Way.callback,
    force: Annotated[bool, typer.Option("--force", "-F", help="Overwrite OUTPUT")] = False,
) -> None:
    """Put a loss into a config: `spacy init config` first, then this, then `spacy train`.

    Everything else stays as it is, comments too. As a callback the loss is used in training only,
    and the trained pipeline loads where this package is not installed. Without --loss, the
    component gets what `diagnose` recommends for imbalanced labels, and the reason is shown.
    """
    with refusals():
        from .._files import write_text
        from ..configs import recommendation, set_loss

        if not config.is_file():
            raise FileNotFoundError(f"{config}: there is no such file")
        if output is not None and output.exists() and not force:
            raise FileExistsError(f"{output}: exists already; --force overwrites it")
        text = config.read_text(encoding="utf8")
        names: list[str | None] = [*component] if component else [None]
        for name in names:
            if loss is None:
                typer.echo(recommendation(text, name, owner=str(config)), err=True)
            text = set_loss(text, name, loss, way=way.value, owner=str(config))
        if output is None:
            typer.echo(text, nl=False)
        else:
            write_text(output, text)
            typer.echo(f"Saved to {output}; next: python -m spacy train {output} …")


@app.command(
    "debug-data", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def debug_data(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="Config whose data to check")],
    code: Annotated[
        Path | None, typer.Option("--code", "-c", help="Python file to import first")
    ] = None,
    ignore_warnings: Annotated[
        bool, typer.Option("--ignore-warnings", "-IW", help="Show only stats and errors")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-V", help="Show explanations")] = False,
    no_format: Annotated[bool, typer.Option("--no-format", "-NF", help="Plain output")] = False,
) -> None:
    """Check data as `spacy debug data` does, with all checks for the components of this package.

    spaCy looks at the names of factories, and knows only its own. It gets the same config with
    stock components. Settings can be overridden: --paths.train corpus/train.spacy.
    """
    with refusals():
        from tempfile import TemporaryDirectory

        from spacy.cli import debug_data as call
        from spacy.cli._util import import_code, parse_config_overrides
        from spacy.util import load_config

        from ..configs import stock_twin

        overrides = parse_config_overrides(context.args)
        import_code(code)
        twin = stock_twin(load_config(config, overrides=overrides))
        with TemporaryDirectory() as folder:
            path = Path(folder) / config.name
            twin.to_disk(path)
            call(
                path,
                ignore_warnings=ignore_warnings,
                verbose=verbose,
                no_format=no_format,
                silent=False,
            )
