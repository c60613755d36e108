"""What every part of the configuration is made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.domain.identifiers import NAME_PATTERN
from gateway.domain.outcome import safe_code
from gateway.domain.values.municipality_code import fault


def _name(value: str) -> str:
    if NAME_PATTERN.fullmatch(value) is None:
        raise ValueError("must be a name of a-z, 0-9 and -, at most 63 characters")
    return value


def _municipality(value: str) -> str:
    if fault(value) is not None:
        raise ValueError("must be a 全国地方公共団体コード of six digits with a valid check digit")
    return value


def _code(value: str) -> str:
    if not value or safe_code(value, "") != value:
        raise ValueError(
            "must be a code of ASCII letters, digits and ._:+-, at most 100 characters, and "
            "without a row of digits as long as a person's number"
        )
    return value


Code = Annotated[str, AfterValidator(_code)]
Name = Annotated[str, AfterValidator(_name)]
Municipality = Annotated[str, AfterValidator(_municipality)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000)]


class Section(BaseModel):
    """A part of the configuration: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
