"""What spaCy's command line loads: it joins the group `dice` to its own commands.

Whatever is wrong with this package or with what it imports, spaCy's own commands are not to suffer:
a group that cannot be built is left out, with a warning, and nothing of spaCy's is replaced.
"""

import sys
from typing import Any

app: Any = None

try:
    from spacy.cli._util import app as spacy_app
    from typer.main import get_command

    from .cli import app

    # Typer builds commands late, all of them for any one; what it refuses is to be known here.
    get_command(app)
    spacy_app.add_typer(app)
except Exception as error:
    print(f"⚠ spacy-dice: no `dice` commands: {type(error).__name__}: {error}", file=sys.stderr)
