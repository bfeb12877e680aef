"""Ask a trained pipeline about a text."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app, refusals


@app.command()
def answer(
    model: Annotated[str, typer.Argument(help="Trained pipeline: a folder or a package")],
    query: Annotated[str, typer.Argument(help="What is asked")],
    context: Annotated[str, typer.Argument(help="The text that is asked, or a file with it")],
    component: Annotated[
        str | None, typer.Option("--component", help="Name of the component that answers")
    ] = None,
    window: Annotated[int, typer.Option(help="Tokens of a window of the text; 0: all")] = 0,
    stride: Annotated[int, typer.Option(help="Tokens from one window to the next")] = 0,
) -> None:
    """Print the answers that a pipeline finds in a text, the most probable first, one a line.

    Each line has the probability, the characters and the text of an answer. Without an answer
    nothing is printed.
    """
    with refusals():
        import spacy

        from ..queries import answer as call

        path = Path(context)
        text = context
        # A text may be longer than a name can be.
        if len(context) < _LONGEST_NAME and path.is_file():
            text = path.read_text(encoding="utf8")
        nlp = spacy.load(model)
        found = call(nlp, query, text, component=component, window=window, stride=stride)
        for one in found:
            print(f"{one.score:.3f}\t{one.start}:{one.end}\t{one.text}")


_LONGEST_NAME = 255
