"""The first thing that anybody does: ``kakehashi up``, one ``curl``, and where did it go?"""

import base64
import hashlib
import json
import re
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness.processes import KAKEHASHI, Program, ask, environment, run

PATIENCE_S = 30.0
FREE_PORTS = ("--port", "0", "--operations-port", "0")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Program]:
    """``kakehashi up`` in an empty folder, not yet started."""
    program = Program("up", [*KAKEHASHI, "up", *FREE_PORTS], folder=tmp_path)
    yield program
    program.kill()


def welcome(up: Program, folder: Path) -> str:
    """Return what it printed, once that is all there."""
    up.first_line()
    deadline = time.monotonic() + PATIENCE_S
    while "Ctrl-C" not in (printed := (folder / "up.out").read_text()):
        assert time.monotonic() < deadline, printed
        time.sleep(0.02)
    return printed


def curl_line(printed: str) -> str:
    (line,) = [line for line in printed.splitlines() if line.startswith("curl ")]
    return line


def send(line: str) -> dict[str, Any]:
    """Run the line in a shell; where there is no curl, do what it says."""
    if shutil.which("curl"):
        done = subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=30)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    words = shlex.split(line)
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1].encode()
    request = urllib.request.Request(words[2], body, headers)  # noqa: S310 - our own line
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
        return dict(json.load(response))


def delivered_files(folder: Path, count: int) -> list[Path]:
    """Wait until there are so many files in the drop folder."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := sorted((folder / "var" / "delivered").glob("*.json"))) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def until_delivered(subject: str, folder: Path) -> dict[str, Any]:
    """Return the status once the outcome is in the journal."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        (found,) = ask("status", subject, cwd=folder)
        if found["status"] == "delivered":
            return dict(found)
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def outcome(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KAKEHASHI, *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_curl_line_delivers_an_application_that_outlives_kill_9(
    up: Program, tmp_path: Path
) -> None:
    up.start()
    line = curl_line(welcome(up, tmp_path))

    accepted = send(line)
    (file,) = delivered_files(tmp_path, 1)
    found = until_delivered(accepted["id"], tmp_path)

    receipt_number = re.search(r'"receipt_number":"([^"]+)"', line)
    assert receipt_number is not None
    assert json.loads(file.read_bytes())["receipt_number"] == receipt_number[1]
    assert [hop["action"] for hop in found["timeline"]] == [
        "application.accepted",
        "delivery.queued",
        "delivery.claimed",
        "delivery.delivered",
    ]
    assert ask("status", receipt_number[1], cwd=tmp_path)[0]["id"] == accepted["id"]

    up.kill()
    up.start()
    welcome(up, tmp_path)

    assert until_delivered(accepted["id"], tmp_path)["timeline"] == found["timeline"]
    assert ask("audit", "verify", cwd=tmp_path)["ok"]
    assert delivered_files(tmp_path, 1) == [file]


def proved(line: str, path: str) -> dict[str, Any]:
    """Ask for a proof as the client of the curl line, until it is sealed."""
    words = shlex.split(line)
    (url,) = [word for word in words if word.startswith("http")]
    (bearer,) = [word for word in words if word.startswith("Authorization: ")]
    origin = "/".join(url.split("/")[:3])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        request = urllib.request.Request(origin + path)  # noqa: S310 - our own door
        request.add_header(*bearer.split(": ", 1))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            refused = (json.load(error)["code"], error.headers["Retry-After"])
        assert refused == ("proof.not_sealed_yet", "1")
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_leaf_of_the_receipt_is_the_leaf_of_the_proof(up: Program, tmp_path: Path) -> None:
    up.start()
    line = curl_line(welcome(up, tmp_path))
    accepted = send(line)

    proof = proved(line, accepted["links"]["proof"])

    claims = json.loads(unpadded(accepted["receipt"].split(".")[1]))
    entry = unpadded(proof["entry"])
    assert hashlib.sha256(b"\x00" + entry).hexdigest() == claims["leaf"]
    assert json.loads(entry)["application"] == accepted["id"]
    head, note = proof["proof"].split("\n\n", 1)
    assert head.splitlines()[:2] == ["c2sp.org/tlog-proof@v1", f"index {proof['index']}"]
    keys = ask("audit", "key", cwd=tmp_path)
    assert note.splitlines()[0] == keys["origin"] == claims["log"]


def test_what_was_accepted_just_before_kill_9_is_delivered_once_after_the_next_start(
    up: Program, tmp_path: Path
) -> None:
    up.start()
    accepted = send(curl_line(welcome(up, tmp_path)))
    up.kill()
    up.start()
    # A command that comes before it listens finds its journal taken.
    welcome(up, tmp_path)

    until_delivered(accepted["id"], tmp_path)

    assert len(delivered_files(tmp_path, 1)) == 1
    assert ask("audit", "verify", cwd=tmp_path)["ok"]


def test_the_key_in_the_curl_line_ends_with_its_process(up: Program, tmp_path: Path) -> None:
    up.start()
    first = curl_line(welcome(up, tmp_path))
    assert up.stop()[0] == 0
    up.start()
    second = curl_line(welcome(up, tmp_path))
    key_of = re.compile(r"Bearer (kkh_\w+)")
    old, new = key_of.search(first), key_of.search(second)
    assert old is not None
    assert new is not None

    refused = subprocess.run(
        ["sh", "-c", second.replace(new[1], old[1])], capture_output=True, check=True, timeout=30
    )

    assert json.loads(refused.stdout)["code"] == "client.key_unknown"


def test_operations_work_with_and_without_a_running_gateway(up: Program, tmp_path: Path) -> None:
    up.start()
    accepted = send(curl_line(welcome(up, tmp_path)))
    until_delivered(accepted["id"], tmp_path)
    key = ask("client", "add", "local", cwd=tmp_path)
    listed = ask("client", "list", cwd=tmp_path)

    up.stop()

    assert ask("client", "list", cwd=tmp_path) == listed
    assert ask("client", "revoke", key["id"], cwd=tmp_path) == {"id": key["id"], "revoked": True}
    assert ask("messages", "list", cwd=tmp_path)[0]["id"] == accepted["id"]
    assert set(ask("audit", "verify", cwd=tmp_path)["nodes"]) == {"gw-1", "cli"}


def test_a_journal_in_use_without_a_socket_is_explained(up: Program, tmp_path: Path) -> None:
    up.start()
    welcome(up, tmp_path)
    (tmp_path / "var" / "kakehashi.sock").unlink()

    done = outcome("status", cwd=tmp_path)

    assert done.returncode == 3
    assert "journal.node_taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_up_on_the_same_data_is_refused(up: Program, tmp_path: Path) -> None:
    up.start()
    welcome(up, tmp_path)

    second = outcome("up", *FREE_PORTS, cwd=tmp_path)

    assert second.returncode == 3
    assert "journal.node_taken" in second.stderr


def test_a_port_that_is_taken_is_named(up: Program, tmp_path: Path) -> None:
    up.start()
    port = re.search(r"http://127\.0\.0\.1:(\d+)", welcome(up, tmp_path))
    assert port is not None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    second = outcome("up", "--port", port[1], "--operations-port", "0", cwd=elsewhere)

    assert second.returncode == 3
    assert port[1] in second.stderr
    assert "another port" in second.stderr


def test_a_file_sent_twice_is_accepted_once_and_a_bad_one_is_refused_in_words(
    up: Program, tmp_path: Path
) -> None:
    up.start()
    url = next(word for word in shlex.split(curl_line(welcome(up, tmp_path))) if "://" in word)
    front = url.partition("/v1/")[0]
    (tmp_path / "key").write_text(ask("client", "add", "local", cwd=tmp_path)["key"])
    example = json.loads(
        run("schema", "show", "care/certification-claim", "--example", cwd=tmp_path)
    )
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(example))
    del example["content"]
    bad.write_text(json.dumps({**example, "receipt_number": "BAD-1"}))
    to = ("--url", front, "--key", f"@{tmp_path / 'key'}")

    first, again = (outcome("send", str(good), *to, cwd=tmp_path) for _ in range(2))
    refused = outcome("send", str(bad), *to, cwd=tmp_path)

    assert first.returncode == again.returncode == 0
    assert first.stdout.splitlines()[1] == again.stdout.splitlines()[1]
    assert "kept already" in again.stdout
    assert refused.returncode == 1
    assert "#/content  field.required" in refused.stdout


def test_a_configuration_without_workers_is_worked_for_all_the_same(tmp_path: Path) -> None:
    tenant = {"municipality": "131016"}
    document = {
        "municipalities": {"131016": {"name": "千代田区"}},
        "clients": {"portal": {"municipalities": ["131016"], "procedures": ["care/*"]}},
        "destinations": {
            "kaigo": {**tenant, "adapter": "file", "config": {"folder": "var/delivered"}}
        },
        "routes": [{**tenant, "procedure": "care/*", "to": ["kaigo"]}],
    }
    (tmp_path / "kakehashi.yaml").write_text(json.dumps(document))
    config = ("--config", "kakehashi.yaml")
    example = run("schema", "show", "care/certification-claim", "--example", cwd=tmp_path)
    (tmp_path / "body.json").write_text(example)
    up = Program("up", [*KAKEHASHI, "up", *config, *FREE_PORTS], folder=tmp_path)
    up.start()
    try:
        printed = welcome(up, tmp_path)
        key = ask("client", "add", "portal", *config, cwd=tmp_path)["key"]
        (url,) = re.findall(r"http://\S+(?=  \(documentation)", printed)

        sent = outcome("send", "body.json", "--key", key, "--url", url, cwd=tmp_path)

        assert sent.returncode == 0, sent.stderr
        assert "curl" not in printed
        assert len(delivered_files(tmp_path, 1)) == 1
    finally:
        up.kill()
