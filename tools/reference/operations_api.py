"""The page of the operations API: every route, its operation and who may ask for it."""

from gateway.http.ops.route import PREFIX, Route
from gateway.http.ops.table import NOT_OFFERED, ROUTES
from gateway.services.operate.permissions import PERMITTED
from reference.source import GENERATED, table

_INTRODUCTION = """# Operations API

`/ops/v1` on the operations port: what the console does, as JSON, for programs. The whole of it,
with every parameter, answer and code, is an OpenAPI 3.1 document: `GET /ops/v1/openapi.json`, or
`kakehashi openapi --operations`. [How to use it](../howto/use-the-operations-api.md).

- **Who**: `Authorization: Bearer kko_…` (a token, made in the console or by
  `POST /ops/v1/me/tokens`), or the console's session; then whatever changes something needs
  `X-CSRF-Token` as `GET /ops/v1/me` says it. One of the operation's roles is needed; who has none
  gets 403 with `roles`, and that is an audit entry.
- **Lists**: `{"items": […], "next": "…"}`. Give `next` back as `cursor` for the next page, or
  follow `Link: …; rel="next"`; `limit` is 1 to 500.
- **Changing what somebody else may change**: `If-Match` with the `ETag` that was seen. 428 without
  where it is needed, 412 when it has changed since.
- **Four eyes**: where the configuration asks for a second person, 202 with the `Location` of the
  request for approval, and nothing is done yet.
- **Problems**: `application/problem+json` in Japanese or English by `Accept-Language`, with a
  stable [code](errors.md). 422 `request.invalid` names every wrong member by its JSON pointer and
  every wrong parameter by its name.
- **Never in a URL**: a 受付番号. Searches by it are `POST`.

"""

_NOT_OFFERED = """
## Not offered

| operation | why |
| --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    return (
        GENERATED.format(source="`gateway/http/ops/table.py`, `services/operate/permissions.py`")
        + _INTRODUCTION
        + table(["method", "path", "operation", "roles", ""], [_row(route) for route in ROUTES])
        + _NOT_OFFERED
        + "".join(f"| `{name}` | {why} |\n" for name, why in NOT_OFFERED.items())
    )


def _row(route: Route) -> list[str]:
    roles = ", ".join(sorted(PERMITTED[route.operation]))
    path = f"`{PREFIX}{route.path}`"
    return [route.method, path, f"`{route.operation}`", roles, route.summary]
