"""Types of arrays and of data that several parts of the package speak of."""

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Ints = NDArray[numpy.int64]
Bools = NDArray[numpy.bool_]
Numbers = Floats | Ints
