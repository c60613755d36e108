"""Make the passwords for compose.yaml once, in ``deploy/compose/secrets/`` beside this file.

The broker gets users and rights, but only salted hashes of their passwords. Rights are
those that ``kakehashi topology show`` prints: the worker may publish to the gateway's
exchange and read its own queue, and nothing else.
"""

import base64
import hashlib
import json
import re
import secrets
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "secrets"
DESTINATIONS: Final = ("jido-teate",)
_OURS: Final = r"kakehashi\..+|dest\..+"
_SALT_BYTES: Final = 4


def main() -> int:
    """Return 0 once the files are there; existing ones are never changed."""
    if FOLDER.exists():
        print(f"{FOLDER} is already there")
        return 1
    gateway, worker, database = (secrets.token_hex(32) for _ in range(3))
    files = {
        "postgres_password": database,
        "gateway_journal_url": f"postgresql://kakehashi:{database}@postgres/kakehashi",
        "gateway_broker_url": f"amqp://gateway:{gateway}@rabbitmq/",
        "worker_broker_url": f"amqp://worker-1:{worker}@rabbitmq/",
        "rabbitmq_definitions.json": json.dumps(definitions(gateway, worker), indent=2),
    }
    # Users in containers have to read the files, nobody else on this machine can reach them.
    FOLDER.mkdir(mode=0o700)
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        (FOLDER / name).chmod(0o444)
    print(f"made {FOLDER}")
    return 0


def definitions(gateway: str, worker: str) -> dict[str, object]:
    """Return what RabbitMQ loads at start: two users, their rights, no default user."""
    queues = "|".join(re.escape(name) for name in DESTINATIONS)
    rights = {
        "gateway": (f"^({_OURS})$", rf"^({_OURS}|amq\.default)$", f"^({_OURS})$"),
        "worker-1": ("^$", r"^kakehashi\.gateway$", rf"^dest\.({queues})$"),
    }
    return {
        "vhosts": [{"name": "/"}],
        "users": [user("gateway", gateway), user("worker-1", worker)],
        "permissions": [
            {"user": name, "vhost": "/", "configure": configure, "write": write, "read": read}
            for name, (configure, write, read) in rights.items()
        ],
    }


def user(name: str, password: str) -> dict[str, object]:
    """Return a user with RabbitMQ's salted hash: base64(salt + SHA-256(salt + password))."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


if __name__ == "__main__":
    sys.exit(main())
