"""The operations API over a whole gateway: who may, what is answered, and what is refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jsonschema_rs
import pytest
from aiohttp import ClientResponse, ClientSession

from gateway.domain.account import Role
from gateway.domain.identifiers import DeliveryId
from gateway.domain.lifecycle import State
from gateway.http.ops.openapi import document
from gateway.http.ops.route import PREFIX, Route
from gateway.http.ops.table import ROUTES
from gateway.sdk import Application, Delivery, Receipt, RejectedError
from gateway.testing.operations_site import AS_A_BROWSER, CSRF, NOBODY, operations_site
from gateway.testing.world import DESTINATION, World

TOO_LONG = b" " * (1 << 20) + b"{}"
REASON = {"reason": "after a call"}
# Of nobody: workers of one run must collect the same tests.
NOT_THERE = "01a20000-0000-7000-8000-000000000000"
DOCUMENT: Any = document()
# Where anything may stand: an adapter's own manifest, and an example of a form.
LOOSE = {"Adapter/manifest", "AdapterWithReadme/manifest", "ProcedureVersion/example"}


def exact(node: Any) -> Any:
    """Return a schema that takes no member that it does not name; ours lets releases add some."""
    if isinstance(node, list):
        return [exact(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: exact(each) for name, each in node.items()}
    return {**found, "additionalProperties": False} if "properties" in found else found


EXACT: Any = exact(DOCUMENT)


def refuses(_application: Application, _delivery: Delivery) -> Receipt:
    raise RejectedError("core.refused")


@dataclass(frozen=True)
class Answer:
    """What came back; it is as the document says."""

    status: int
    body: Any
    headers: Any


@dataclass(frozen=True)
class Site:
    """A client of the API that holds every answer to the document."""

    url: str
    session: ClientSession

    async def __call__(self, method: str, path: str, **kw: Any) -> Answer:
        kw.setdefault("headers", {}).setdefault("Accept-Language", "en")
        async with self.session.request(method, self.url + path, **kw) as answer:
            body = await answer.json(content_type=None)
            if not path.startswith("/openapi"):
                self.assert_documented(method, answer, body)
            return Answer(answer.status, body, answer.headers)

    def assert_documented(self, method: str, answer: ClientResponse, body: object) -> None:
        path = answer.url.path
        found = [
            item[method.lower()]
            for template, item in EXACT["paths"].items()
            if method.lower() in item and matches(template, path)
        ]
        if not found:
            assert answer.status in {404, 405}
            return
        responses = [each["responses"].get(str(answer.status)) for each in found]
        assert any(responses), f"{method} {path}: {answer.status}"
        response = next(each for each in responses if each)
        if "$ref" in response:
            response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
        ((media, content),) = response["content"].items()
        assert answer.content_type == media
        for name, header in response.get("headers", {}).items():
            assert name in answer.headers or not header.get("required"), name
        components = (EXACT if answer.status < 400 else DOCUMENT)["components"]
        schema = {**content["schema"], "components": components}
        jsonschema_rs.Draft202012Validator(schema).validate(body)


def matches(template: str, path: str) -> bool:
    wanted, parts = template.split("/"), path.split("/")
    return len(wanted) == len(parts) and all(
        name == part or "{" in name for name, part in zip(wanted, parts, strict=True)
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.make(tmp_path) as world:
        yield world


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def ask(world: World, session: ClientSession) -> AsyncIterator[Site]:
    async with operations_site(world.gateway) as url:
        yield Site(url, session)


async def sealed(world: World) -> None:
    await world.gateway.seal_log.begin()
    await world.gateway.seal_log.finish()


async def parked(world: World) -> UUID:
    world.start_worker()
    world.adapter.script.append(refuses)
    delivery = await world.accepted()
    await world.until(delivery, State.PARKED)
    return delivery.id


# Who may


async def test_nobody_is_told_to_show_a_token(ask: Site) -> None:
    for path in ("/me", "/overview", "/destinations/core"):
        answer = await ask("GET", path, headers={NOBODY: "1"})

        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="kakehashi-operations"'


async def test_who_may_not_is_told_the_roles_and_it_is_written_down(
    world: World, session: ClientSession
) -> None:
    async with operations_site(world.gateway, roles={Role.VIEWER}) as url:
        ask = Site(url, session)
        answer = await ask("POST", "/destinations/core/pause", data=b"not even JSON")
        me = await ask("GET", "/me")

    assert answer.status == 403
    assert answer.body["code"] == "operator.not_permitted"
    assert answer.body["roles"] == ["operator"]
    [entry] = [each for each in await world.log() if each["action"] == "operation.denied"]
    assert entry["actor"]["name"] == "hanako"
    assert entry["facts"] == {"operation": "destination.pause"}
    assert me.body["roles"] == ["viewer"]
    assert "overview" in me.body["operations"]
    assert "destination_pause" not in me.body["operations"]


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_what_its_table_says(
    world: World, session: ClientSession, role: Role
) -> None:
    async with operations_site(world.gateway, roles={role}) as url:
        ask = Site(url, session)
        for route in ROUTES:
            path = filled(route)
            answer = await ask(route.method, path, json={"never": "valid"})
            roles = DOCUMENT["paths"][PREFIX + route.path][route.method.lower()]["x-roles"]
            assert (answer.status == 403) is (role not in roles), (route.method, path)


def filled(route: Route) -> str:
    """Return a path of the route that names nothing."""
    return route.path.format(**{name: str(uuid4()) for name in route.in_path})


async def test_a_browser_needs_the_token_of_its_session_where_something_changes(
    world: World, ask: Site
) -> None:
    path = "/destinations/core/pause"
    ours = {AS_A_BROWSER: "1", "X-CSRF-Token": CSRF, "Sec-Fetch-Site": "same-origin"}
    for wrong in (
        {"X-CSRF-Token": "another"},
        {"X-CSRF-Token": "é"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = await ask("POST", path, json=REASON, headers={**ours, **wrong})
        assert (answer.status, answer.body["code"]) == (403, "operator.csrf"), wrong
    other = {AS_A_BROWSER: "1", "X-CSRF-Token": CSRF, "Origin": "http://evil.example"}
    assert (await ask("POST", path, json=REASON, headers=other)).status == 403
    assert "destination.changed" not in await world.actions()

    assert (await ask("POST", path, json=REASON, headers=ours)).status == 200
    me = await ask("GET", "/me", headers={AS_A_BROWSER: "1"})
    assert me.body["csrf"] == CSRF


# What is answered


async def test_what_can_be_read_is_answered_as_the_document_says(world: World, ask: Site) -> None:
    await parked(world)
    await sealed(world)
    plain = [
        route
        for route in ROUTES
        if route.method == "GET" and not route.in_path and not required(route)
    ]

    statuses = {route.path: (await ask("GET", route.path)).status for route in plain}

    assert statuses.pop("/audit/proofs") == 422
    # No process whose level it could be.
    assert statuses.pop("/log-level") == 422
    assert set(statuses.values()) == {200}, statuses


async def test_every_member_of_every_answer_stands_in_the_document(world: World, ask: Site) -> None:
    delivery = await parked(world)
    await sealed(world)
    record = await world.gateway.journal.delivery(DeliveryId(delivery))
    assert record is not None
    [group] = (await ask("GET", "/attention/groups")).body["items"]
    [*_, procedure] = (await ask("GET", "/procedures")).body["items"]
    period = {"since": "2000-01-01", "until": "2100-01-01"}
    for method, path, body in (
        ("POST", f"/attention/groups/{group['id']}/notes", {"note": "we look"}),
        ("GET", f"/attention/groups/{group['id']}", None),
        ("POST", "/destinations/core/check", {}),
        ("POST", "/destinations/core/pause", REASON),
        ("GET", "/destinations/core/standing", None),
        ("GET", "/destinations/core/flow", None),
        ("GET", "/destinations/core/changes", None),
        ("GET", "/standings", None),
        ("GET", "/adapters/file", None),
        ("GET", f"/applications/{record.application_id}", None),
        ("POST", "/applications/searches", {"where": {}, "count": True}),
        ("GET", f"/procedures/{procedure['name']}/v1", None),
        ("POST", "/audit/verifications", {}),
        ("GET", "/audit/report?since=2000-01-01&until=2100-01-01", None),
        ("POST", "/audit/examinations/report", period),
        ("GET", "/audit/examinations/report", None),
        ("GET", "/audit/tiles?level=0&first=0&count=1", None),
        ("GET", "/audit/sealed-entries?first=0&count=1", None),
        ("POST", "/deliveries/replay", {"deliveries": [str(delivery)], **REASON}),
        ("POST", "/retention/runs", {}),
    ):
        answer = await ask(method, path, json=body)
        assert answer.status in {200, 202}, (path, answer.body)


def test_no_answer_is_anything() -> None:
    found = {
        f"{name}/{member}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for member, kind in schema.get("properties", {}).items()
        if any(
            each.get("additionalProperties") is True and "properties" not in each
            for each in (kind, kind.get("items", {}), *kind.get("anyOf", ()))
        )
    }

    assert found == LOOSE


def required(route: Route) -> bool:
    return any(field.is_required() for field in route.said.model_fields.values())


async def test_a_list_goes_on_where_its_cursor_says(world: World, ask: Site) -> None:
    for _ in range(3):
        await world.accepted()
    seen: list[str] = []
    path = "/applications?limit=2&states=pending&states=queued"
    while True:
        page = await ask("GET", path)
        assert page.status == 200
        seen += [item["id"] for item in page.body["items"]]
        if page.body["next"] is None:
            assert "Link" not in page.headers
            break
        link = page.headers["Link"]
        assert link.startswith(f"<{PREFIX}/applications?")
        assert link.endswith('>; rel="next"')
        path = link[1 : link.index(">")].removeprefix(PREFIX)
        assert "limit=2" in path

    assert len(seen) == len(set(seen)) == 3


async def test_one_application_is_told_with_its_timeline_and_never_by_its_number(
    world: World, ask: Site
) -> None:
    delivery = await world.accepted()

    found = await ask("GET", f"/applications/{delivery.application_id}")
    assert found.body["client"] == "portal"
    assert found.body["timeline"]
    assert (await ask("GET", "/applications/A-1")).status == 404
    by_number = await ask("POST", "/applications/lookups", json={"subject": "nothing"})
    assert by_number.status == 404


async def test_a_search_by_receipt_number_stands_in_no_url(world: World, ask: Site) -> None:
    await world.accepted()

    in_url = await ask("GET", "/audit/entries?receipt_number=A-1")
    in_body = await ask("POST", "/audit/searches", json={"where": {"receipt_number": "A-1"}})

    assert in_url.status == 422
    assert in_url.body["errors"] == [
        {
            "parameter": "receipt_number",
            "code": "field.unknown",
            "detail": "This operation takes nothing of this name.",
        }
    ]
    assert in_body.status == 200


async def test_what_waits_is_seen_planned_ordered_and_stopped(world: World, ask: Site) -> None:
    delivery = await parked(world)
    listed = await ask("GET", "/deliveries")
    assert [item["id"] for item in listed.body["items"]] == [str(delivery)]
    where = {"where": {"destination": DESTINATION}}
    plan = await ask("POST", "/replays/plan", json=where)
    assert plan.body["total"] == 1
    order = await ask("POST", "/replays", json={**where, **REASON, "rate_per_s": 0.5})
    assert order.status == 201
    there = order.headers["Location"].removeprefix(PREFIX)
    assert (await ask("GET", there)).body["id"] == order.body["id"]
    assert (await ask("GET", "/replays")).body["items"][0]["ordered_by"] == "hanako"
    assert (await ask("POST", f"{there}/resume", json=REASON)).status == 422


async def test_a_delivery_is_confirmed_once(world: World, ask: Site) -> None:
    delivery = await parked(world)
    path = f"/deliveries/{delivery}/confirm"

    done = await ask("POST", path, json={**REASON, "reference": "K-9"})
    again = await ask("POST", path, json=REASON)

    assert (done.status, done.body["state"], done.body["reference"]) == (200, "delivered", "K-9")
    assert again.status == 422
    assert again.body["code"] == "operation.refused"
    assert "already" in again.body["detail"]


# Conditions


async def test_settings_change_only_as_they_were_seen(ask: Site) -> None:
    path, change = "/destinations/core", {"settings": {"max_in_flight": 2}, **REASON}
    seen = (await ask("GET", path)).headers["ETag"]
    assert seen == '"0"'

    assert (await ask("PATCH", path, json=change)).status == 428
    done = await ask("PATCH", path, json=change, headers={"If-Match": seen})
    assert (done.status, done.headers["ETag"]) == (200, '"1"')
    late = await ask("PATCH", path, json=change, headers={"If-Match": seen})
    assert (late.status, late.body["code"]) == (412, "request.precondition_failed")
    assert (
        await ask("POST", f"{path}/pause", json=REASON, headers={"If-Match": seen})
    ).status == 412
    whatever = await ask("PATCH", path, json=change, headers={"If-Match": "*"})
    assert (whatever.status, whatever.headers["ETag"]) == (200, '"2"')


@pytest.mark.parametrize(
    ("value", "status"),
    [('W/"0"', 412), ("0", 400), ('"00"', 400), ('"0", "1"', 400), ("", 400), ('"9"', 412)],
)
async def test_a_condition_that_is_no_etag_of_ours_is_refused(
    ask: Site, value: str, status: int
) -> None:
    change = {"settings": {"max_in_flight": 2}, **REASON}

    answer = await ask("PATCH", "/destinations/core", json=change, headers={"If-Match": value})

    assert answer.status == status


# What is refused


async def test_every_mistake_in_a_body_is_told_with_its_place(world: World, ask: Site) -> None:
    delivery = await parked(world)
    body = {"reason": 7, "reference": "x" * 201, "surplus": 1, "<script>": 2}

    answer = await ask("POST", f"/deliveries/{delivery}/confirm", json=body)

    assert answer.status == 422
    assert [(line["pointer"], line["code"]) for line in answer.body["errors"]] == [
        ("#", "field.unknown"),
        ("#/reason", "field.type"),
        ("#/reference", "text.too_long"),
        ("#/surplus", "field.unknown"),
    ]
    missing = await ask("POST", f"/deliveries/{delivery}/replay", json={})
    assert missing.body["errors"][0]["pointer"] == "#/reason"
    nested = await ask("POST", "/replays/plan", json={"where": {"in_doubt": "yes"}})
    assert nested.body["errors"][0] == {
        "pointer": "#/where/in_doubt",
        "code": "field.type",
        "detail": "The value has the wrong JSON type.",
    }


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("limit=0", "limit", "number.too_small"),
        ("limit=501", "limit", "number.too_large"),
        ("limit=many", "limit", "field.type"),
        ("limit=1&limit=2", "limit", "list.too_long"),
        ("cursor=nonsense", "cursor", "field.invalid"),
        ("cursor=", "cursor", "field.invalid"),
        ("cursor=bnVsbA", "cursor", "field.invalid"),
        ("cursor=MQ&cursor=MQ", "cursor", "field.invalid"),
        ("destination=%00", "destination", "text.pattern"),
        ("destination=", "destination", "text.too_short"),
        ("nothing=1", "nothing", "field.unknown"),
        ("%3Cscript%3E=1", "query", "field.unknown"),
    ],
)
async def test_a_mistake_in_a_query_is_told_with_its_name(
    ask: Site, query: str, parameter: str, code: str
) -> None:
    answer = await ask("GET", f"/applications?{query}")

    assert answer.status == 422
    [line] = answer.body["errors"]
    assert (line["parameter"], line["code"]) == (parameter, code)


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"reason":"a","reason":"b"}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"reason":"x"}', "text/plain", 415),
        (b'{"reason":"x"}', "application/json; charset=shift_jis", 415),
        (b"reason=x", "application/x-www-form-urlencoded", 415),
        (TOO_LONG, "application/json", 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    ask: Site, raw: bytes, content_type: str, status: int
) -> None:
    answer = await ask(
        "POST",
        "/destinations/core/pause",
        data=BytesIO(raw),
        headers={"Content-Type": content_type},
    )

    assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/destinations/nowhere", 404),
        ("GET", "/destinations/%00", 404),
        ("GET", "/deliveries/not-an-id", 404),
        ("GET", f"/deliveries/{NOT_THERE}", 404),
        ("GET", f"/applications/{NOT_THERE}", 404),
        ("POST", f"/replays/{NOT_THERE}/stop", 404),
        ("DELETE", "/client-keys/%00", 404),
        ("DELETE", "/overview", 405),
        ("POST", "/overview", 405),
        ("GET", "/applications/searches", 405),
        ("GET", "/replays/plan", 405),
    ],
)
async def test_what_is_not_there_is_not_found(
    ask: Site, method: str, path: str, status: int
) -> None:
    answer = await ask(method, path, json=REASON)

    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_problem_speaks_japanese_unless_english_is_preferred(ask: Site) -> None:
    answer = await ask("PATCH", "/destinations/core", json={}, headers={"Accept-Language": "ja"})

    assert answer.headers["Content-Language"] == "ja"
    assert answer.body["title"] == "条件(If-Match)が必要です。"
    # Also what the operation says itself.
    path = f"/replays/{NOT_THERE}/stop"
    answer = await ask("POST", path, json=REASON, headers={"Accept-Language": "ja"})
    assert answer.body["detail"] == f"この ID の再送指示はありません: {NOT_THERE}"


async def test_head_is_answered_where_get_is(ask: Site, session: ClientSession) -> None:
    async with session.head(f"{ask.url}/overview") as answer:
        assert answer.status == 200
        assert await answer.read() == b""


async def test_the_document_is_served_to_everybody(ask: Site) -> None:
    answer = await ask("GET", "/openapi.json", headers={NOBODY: "1"})

    assert answer.body == json.loads(json.dumps(DOCUMENT))


# Keys and people


async def test_a_key_is_shown_once_and_revoked_once(ask: Site) -> None:
    made = await ask("POST", "/clients/portal/keys")
    assert made.status == 201
    assert made.body["key"]
    listed = (await ask("GET", "/client-keys")).body["items"]
    assert made.body["id"] in {key["id"] for key in listed}
    assert not any("key" in key for key in listed)

    assert (await ask("DELETE", f"/client-keys/{made.body['id']}")).status == 200
    assert (await ask("DELETE", f"/client-keys/{made.body['id']}")).status == 404
    assert (await ask("POST", "/clients/nobody/keys")).status == 404


async def test_an_account_is_made_changed_and_disabled(ask: Site) -> None:
    made = await ask("POST", "/accounts", json={"account": "taro", "roles": ["viewer"]})
    assert made.status == 201
    assert made.body["password"]
    seen = {"If-Match": (await ask("GET", "/accounts/taro")).headers["ETag"]}
    roles = "/accounts/taro/roles"
    changed = await ask("PUT", roles, json={"roles": ["operator"]}, headers=seen)
    assert changed.body["roles"] == ["operator"]
    late = await ask("PUT", roles, json={"roles": ["admin"]}, headers=seen)
    assert (late.status, late.body["code"]) == (412, "request.precondition_failed")
    assert changed.headers["ETag"] == (await ask("GET", "/accounts/taro")).headers["ETag"]
    token = await ask("POST", "/accounts/taro/tokens", json={"label": "a test", "days": 1})
    assert (token.status, token.body["account"]) == (201, "taro")
    assert (await ask("DELETE", f"/tokens/{token.body['id']}")).status == 200
    assert (await ask("POST", "/accounts/taro/disable")).body["disabled_at"]
    wrong = await ask("POST", "/accounts", json={"account": "jiro", "roles": ["king"]})
    assert wrong.body["errors"][0]["pointer"] == "#/roles/0"


# The audit log


async def test_the_log_is_searched_proved_and_verified(world: World, ask: Site) -> None:
    delivery = await world.accepted()
    await sealed(world)
    found = await ask("GET", "/audit/entries?actions=application.&limit=1")
    assert found.body["items"][0]["action"] == "application.accepted"
    path = f"/audit/proofs?application={delivery.application_id}"
    proof = await ask("GET", path)
    assert proof.status == 200
    verified = await ask("POST", "/audit/verifications")
    assert verified.body["ok"] is True
    period = "since=2000-01-01&until=2100-01-01"
    report = await ask("GET", f"/audit/report?{period}")
    assert report.body["entries"] > 0
