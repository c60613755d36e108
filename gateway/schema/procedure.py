"""One version of a procedure: what it is called, what it asks, and whether a body answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jsonschema_rs import Draft202012Validator, Registry

from gateway.domain.identifiers import ProcedureName
from gateway.schema.errors import FieldError, in_order
from gateway.schema.findings import CrossFieldChecks, findings
from gateway.schema.formats import PREDICATES
from gateway.schema.source import JSON


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Procedure:
    """A procedure file, compiled. One object per version: compared by identity.

    Attributes:
        name: ``area/procedure``.
        version: From 1; a released version never changes.
        title: The official name, by language (``ja``, ``en``).
        source: The law or standard that the form follows.
        json_schema: JSON Schema 2020-12 of ``applicant`` and ``content`` of a request,
            self-contained: every reference is resolved. Treat as read-only.
        example: A whole valid request body.
        sensitive: Pointer of every marked field (``*`` for any item of a list) to
            ``personal`` or ``my-number``; a mark holds for all that is inside.
        member_names: Every member name the schema has.
        longest_list: The largest number of items that any of its lists may have.
    """

    name: ProcedureName
    version: int
    title: Mapping[str, str]
    source: str
    json_schema: Mapping[str, JSON] = field(repr=False)
    example: Mapping[str, JSON] = field(repr=False)
    sensitive: Mapping[str, str] = field(repr=False)
    member_names: frozenset[str] = field(repr=False)
    longest_list: int = field(repr=False)
    validator: Draft202012Validator = field(repr=False)

    def validate(self, document: Mapping[str, object]) -> tuple[FieldError, ...]:
        """Return everything wrong with A票 and B票 of a request.

        Args:
            document: A whole request body, as ``parse_json`` returned it. Of its other
                members only ``submitted_at`` is looked at, for checks against that day.

        Returns:
            At most 100 errors in a fixed order; empty when there are none. Of a list that
            is longer than any may be, the items beyond that are not looked at.
        """
        body = document if isinstance(document, dict) else dict(document)
        if self.validator.is_valid(body):
            return ()
        # The validator finds all errors before we can stop it: less to look at bounds the time.
        body = {name: _cut(value, self.longest_list + 1) for name, value in body.items()}
        return in_order(findings(self.validator.iter_errors(body), body, self.member_names))


def _cut(value: object, items: int) -> object:
    if isinstance(value, dict):
        return {name: _cut(member, items) for name, member in value.items()}
    if isinstance(value, list):
        return [_cut(item, items) for item in value[:items]]
    return value


def compile_schema(schema: dict[str, JSON]) -> Draft202012Validator:
    """Return the validator of a self-contained schema.

    Raises:
        jsonschema_rs.ValidationError: It is not a schema, or refers to another.
    """
    return Draft202012Validator(
        schema,
        formats=PREDICATES,
        validate_formats=True,
        ignore_unknown_formats=False,
        retriever=refuse,
        registry=Registry([], retriever=refuse),
        keywords={"x-checks": CrossFieldChecks},
    )


def refuse(uri: str) -> JSON:
    """Retrieve nothing: the library's own retriever opens files and addresses.

    Raises:
        LookupError: Always.
    """
    raise LookupError(uri)
