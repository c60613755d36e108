"""Nothing that it shows, whatever happens, holds a secret or anything of an application."""

from typing import Final

CHECKS: Final = ("secrets_stay_secret", "errors_carry_no_payload")
