"""Hands applications over as JSON over HTTP."""

from adapters.http.adapter import HTTPDestination
from adapters.http.config import HTTPConfig

__all__ = ["HTTPConfig", "HTTPDestination"]
