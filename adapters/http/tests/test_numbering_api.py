import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from adapters.http import HTTPConfig, HTTPDestination
from gateway.sdk import (
    Application,
    Delivery,
    DestinationUnavailableError,
    Health,
    Receipt,
    RejectedError,
    UnknownOutcomeError,
)
from gateway.testing.cores.numbering_api import CONTENT_TYPE, PATH, SCOPE, Mode, NumberingAPI
from gateway.testing.cores.token_endpoint import TokenEndpoint

EXAMPLE = Path(__file__).parent.parent / "examples" / "addressee-numbering"
PAGE = Path(__file__).parents[3] / "docs" / "howto" / "number-non-residents.md"
SECRET = "kagi-no-himitsu-0123456789-abcdef"

Open = Callable[..., Awaitable[HTTPDestination]]
Build = Callable[..., Application]
Deliver = Callable[..., Delivery]


@dataclass
class Numbering:
    api: NumberingAPI
    tokens: TokenEndpoint
    base: str
    config: dict[str, Any]
    secret: Path


@pytest.fixture
async def numbering(tmp_path: Path) -> AsyncIterator[Numbering]:
    """Run the API, and the example's configuration leading to it."""
    shown = yaml.safe_load((EXAMPLE / "config.yaml").read_text("utf-8"))
    config = shown["destinations"]["jutogai-fuban"]["config"]
    tokens = TokenEndpoint(config["oauth"]["client_id"], SECRET)
    api = NumberingAPI(tokens)
    base = f"http://127.0.0.1:{await api.start()}"
    tokens.audience = f"{base}/token"
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    official = "https://atena.chiyoda.example.jp"
    assert config["url"] == f"{official}{PATH}"
    config["url"] = f"{base}{PATH}"
    config["oauth"] |= {"token_url": f"{base}/token", "client_secret_file": str(secret)}
    yield Numbering(api, tokens, base, config, secret)
    await api.close()


@pytest.fixture
def owner(application: Build) -> Application:
    body = json.loads((EXAMPLE / "non-resident-owner.message.json").read_text("utf-8"))
    return application(
        procedure=body["procedure"],
        receipt_number=body["receipt_number"],
        submitted_at=datetime.fromisoformat(body["submitted_at"]),
        applicant=body["applicant"],
        content=body["content"],
    )


async def test_the_worked_example_gives_a_non_resident_a_number(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    destination = await opened(**numbering.config)

    receipt = await destination.send(owner, delivery())

    assert receipt == Receipt()
    [one] = numbering.api.numbered
    native = json.loads((EXAMPLE / "non-resident-owner.native.json").read_text("utf-8"))
    assert one.request == native
    assert one.content_type == "application/json"
    assert numbering.tokens.seen == ["client_secret_jwt"]


async def test_a_dry_run_shows_the_request_byte_for_byte(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    destination = await opened(**numbering.config)

    receipt = await destination.send(owner, delivery(dry_run=True))

    shown = (EXAMPLE / "non-resident-owner.native.json").read_text("utf-8").rstrip()
    assert receipt.preview == shown
    assert not numbering.api.numbered


async def test_the_check_gets_a_token_and_numbers_nobody(
    numbering: Numbering, opened: Open
) -> None:
    destination = await opened(**numbering.config)

    assert await destination.check() == Health(ok=True)
    assert numbering.tokens.granted == 1
    assert not numbering.api.numbered


def person(owner: Application, **over: object) -> dict[str, object]:
    applicant: dict[str, Any] = json.loads(json.dumps(owner.applicant))
    applicant["person"] |= over
    return applicant


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"sex": "9"}, "E0002"),
        ({"address": {"postal_code": "100014"}}, "E0003"),
        ({"address": {"postal_code": "100-014"}}, "E0002"),
    ],
)
async def test_what_the_api_refuses_is_parked_with_its_code(
    over: dict[str, object],
    code: str,
    numbering: Numbering,
    opened: Open,
    owner: Application,
    delivery: Deliver,
    application: Build,
) -> None:
    destination = await opened(**numbering.config)
    wrong = application(applicant=person(owner, **over), content=owner.content)

    with pytest.raises(RejectedError) as caught:
        await destination.send(wrong, delivery())

    assert (caught.value.reason, caught.value.pointer) == (code, None)
    assert not numbering.api.numbered


async def test_a_member_that_is_missing_or_contradicts_another_is_parked(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    destination = await opened(**numbering.config)
    numbering.api.behave(Mode.CORRELATION)

    with pytest.raises(RejectedError, match="E0004"):
        await destination.send(owner, delivery())
    numbering.api.also_required = ("tagyomu",)
    with pytest.raises(RejectedError, match="E0001"):
        await destination.send(owner, delivery())
    members = [*numbering.config["members"], {"name": "tagyomu", "literal": "0"}]
    told = await opened(**{**numbering.config, "members": members})
    await told.send(owner, delivery())

    assert numbering.api.numbered[0].request["tagyomu"] == "0"


async def test_a_day_of_birth_that_is_not_known_is_left_to_a_person(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver, application: Build
) -> None:
    destination = await opened(**numbering.config)
    unknown = application(applicant=person(owner, birth_date="1964-07-00"), content=owner.content)

    with pytest.raises(RejectedError) as caught:
        await destination.send(unknown, delivery())

    assert caught.value.reason == "date.not_exact"
    assert caught.value.pointer == "/applicant/person/birth_date"


@pytest.mark.parametrize(
    ("mode", "reason", "numbered"),
    [
        (Mode.UNEXPECTED, "http.503", 0),
        (Mode.UNEXPECTED_AFTER, "http.503", 1),
        (Mode.MAINTENANCE, "http.503", 0),
        (Mode.TIMEOUT, "http.504", 1),
    ],
)
async def test_a_5xx_json_or_not_is_in_doubt_and_never_a_second_number(
    mode: Mode,
    reason: str,
    numbered: int,
    numbering: Numbering,
    opened: Open,
    owner: Application,
    delivery: Deliver,
) -> None:
    destination = await opened(**numbering.config)
    numbering.api.behave(mode)

    with pytest.raises(UnknownOutcomeError, match=reason):
        await destination.send(owner, delivery())

    assert len(numbering.api.numbered) == numbered


async def test_an_answer_later_than_the_guideline_is_in_doubt(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    numbering.api.pause_s = 2
    destination = await opened(**{**numbering.config, "read_timeout_s": 0.2})

    with pytest.raises(UnknownOutcomeError, match="late"):
        await destination.send(owner, delivery())


async def test_an_expired_token_is_exchanged_before_anybody_is_numbered(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    destination = await opened(**numbering.config)
    await destination.check()
    numbering.tokens.revoke_all()

    await destination.send(owner, delivery())

    assert len(numbering.api.numbered) == 1
    assert numbering.tokens.granted == 2


async def test_a_token_without_the_scope_makes_it_unavailable(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    del numbering.config["oauth"]["scope"]
    destination = await opened(**numbering.config)

    with pytest.raises(DestinationUnavailableError, match=r"http\.401"):
        await destination.send(owner, delivery())
    assert not numbering.api.numbered


async def test_the_interim_client_secret_basic_works_as_well(
    numbering: Numbering, opened: Open, owner: Application, delivery: Deliver
) -> None:
    numbering.config["oauth"]["client_authentication"] = "client_secret_basic"
    destination = await opened(**numbering.config)

    await destination.send(owner, delivery())

    assert numbering.tokens.seen == ["client_secret_basic"]


async def test_the_simulator_answers_as_the_specification_tells(numbering: Numbering) -> None:
    request = json.loads((EXAMPLE / "non-resident-owner.native.json").read_text("utf-8"))
    grant = {
        "grant_type": "client_credentials",
        "client_id": numbering.config["oauth"]["client_id"],
        "client_secret": SECRET,
        "scope": SCOPE,
    }
    async with httpx2.AsyncClient(base_url=numbering.base) as client:
        token = (await client.post("/token", data=grant)).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        good = await client.post(PATH, json=request, headers=headers)
        empty = await client.post(PATH, json={}, headers=headers)
        no_token = await client.post(PATH, json=request)
        in_query = await client.post(
            PATH, json=request, params={"access_token": token["access_token"]}
        )
        numbering.api.behave(Mode.UNEXPECTED)
        failed = await client.post(PATH, json=request, headers=headers)

    assert "refresh_token" not in token
    assert int(token["expires_in"]) <= 600
    assert good.headers["content-type"] == CONTENT_TYPE
    assert good.json()["metadata"]["detail"] == "登録が完了しました。"
    assert good.json()["_links"] == {"self": {"href": f"{numbering.base}{PATH}"}}
    assert good.json()["result"] == [
        {
            "shikuchosonkodo": "131016",
            "atenabango": "000000000000001",
            "rirekibango": 1,
            "sosashaid": "KAKEHASHI1",
            "sosanengappi": "2026-11-20",
            "sosajikoku": "09:30:00",
        }
    ]
    assert (empty.status_code, empty.json()["detail"]) == (400, "エラーが発生しました。")
    assert {fault["code"] for fault in empty.json()["errors"]} == {"E0001"}
    assert (no_token.status_code, in_query.status_code) == (401, 401)
    assert no_token.json()["detail"] == "アクセストークンが無効です。"
    assert (failed.status_code, failed.json()["detail"]) == (
        503,
        "想定外のエラーが発生しました。",
    )


def test_the_page_shows_the_configuration_and_the_request_that_are_tested() -> None:
    page = PAGE.read_text("utf-8")
    blocks = dict(re.findall(r"^```(yaml|json)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))

    shown = yaml.safe_load((EXAMPLE / "config.yaml").read_text("utf-8"))
    assert yaml.safe_load(blocks["yaml"]) == shown
    native = json.loads((EXAMPLE / "non-resident-owner.native.json").read_text("utf-8"))
    assert json.loads(blocks["json"]) == native


def test_the_example_is_a_whole_configuration() -> None:
    shown = yaml.safe_load((EXAMPLE / "config.yaml").read_text("utf-8"))
    [destination] = shown["destinations"].values()

    config = HTTPConfig.model_validate(destination["config"])

    assert destination["idempotency"] == "none"
    assert config.oauth is not None
    assert config.oauth.scope == SCOPE
