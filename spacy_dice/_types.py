"""Types of arrays and of data that several parts of the package speak of."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Ints = NDArray[numpy.int64]
Bools = NDArray[numpy.bool_]
Numbers = Floats | Ints

# What JSON and YAML files hold, before it is checked.
JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | float | bool | None"
