"""Kakehashi: carries residents' applications into core systems and brings the results back."""

__version__ = "0.1.0"
