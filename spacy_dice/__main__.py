"""`python -m spacy_dice`: the commands of `spacy-dice`, where no scripts are on the path."""

from .cli import app

if __name__ == "__main__":
    app(prog_name="python -m spacy_dice")
