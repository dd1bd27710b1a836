"""Names for the arrays that flow through the package, so that a signature says what it takes."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
# 8-bit grey pictures, (segments, rows, frames), 0–255.
Pixels: TypeAlias = NDArray[np.uint8]
# What is wanted of a network, (segments, classes), 0–1.
Targets: TypeAlias = NDArray[np.float32]
