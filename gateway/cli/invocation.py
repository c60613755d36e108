"""What every command is told: which configuration, and how to answer."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from gateway.bootstrap.embedded import embedded_document
from gateway.settings.load import build, configured_path, load
from gateway.settings.model import Settings

HOME_VARIABLE: Final = "KAKEHASHI_HOME"
DEFAULT_HOME: Final = Path("var")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The options that every command has.

    Attributes:
        config: The configuration file, from ``--config`` or ``KAKEHASHI_CONFIG``.
        home: Where the embedded default keeps everything, if it was said.
        json: Answer with one JSON document on standard output.
        debug: Show tracebacks.
    """

    config: Path | None = None
    home: Path | None = None
    json: bool = False
    debug: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> "Invocation":
        """Return what the root command was told."""
        found = context.find_root().obj
        return found if isinstance(found, cls) else cls()

    @property
    def path(self) -> Path | None:
        """The configuration file; ``None`` means the embedded default."""
        return self.config or configured_path()

    @property
    def is_embedded(self) -> bool:
        """Whether there is no configuration."""
        return self.path is None

    def settings(self) -> Settings:
        """Return the configuration, or the embedded default when there is none.

        Raises:
            ConfigError: Something in it cannot be used.
            typer.BadParameter: ``--home`` beside a configuration, which says it itself.
        """
        if self.path is None:
            return build(embedded_document(self._embedded_home()))
        if self.home is not None:
            raise typer.BadParameter("the configuration says where home is", param_hint="--home")
        return load(self.path)

    def _embedded_home(self) -> Path:
        named = os.environ.get(HOME_VARIABLE)
        return self.home or (Path(named) if named else DEFAULT_HOME)
