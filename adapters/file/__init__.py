"""Hands applications over as files in a drop folder, and reads result files back."""

from adapters.file.adapter import FileDestination
from adapters.file.config import FileConfig

__all__ = ["FileConfig", "FileDestination"]
