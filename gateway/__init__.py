"""Kakehashi: carries residents' applications into core systems and brings the results back."""

from typing import Final

__version__: Final = "0.1.0"
