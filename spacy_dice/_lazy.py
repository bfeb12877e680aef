"""Names of a package that are imported when somebody asks for them.

spaCy imports what entry points name with every pipeline it makes, whether the pipeline needs it or
not; and a package that gathers names from all of its parts is not to import them all for one.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, homes: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package, PEP 562.

    package: its name.
    homes: the names that it has of each of its modules, relative to the package.

    >>> __getattr__, __dir__ = attach("spacy_dice", {"counts": ["precision_recall_f"]})
    >>> __getattr__("precision_recall_f")
    <function precision_recall_f at ...>
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(import_module(package)), *home_of})

    return get, names
