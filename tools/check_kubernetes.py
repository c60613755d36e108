"""Check the manifests in ``deploy/kubernetes`` against Kubernetes' own schemas, offline.

Strictly: a key that the schema does not know is an error. Kinds of operators (CRDs) and
kustomizations have no schema here; tests/unit/deploy/ holds them to what we rely on.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml

MANIFESTS: Final = Path(__file__).parent.parent / "deploy/kubernetes"
VERSIONS: Final = ("1.30", "1.37")
"""The oldest version of Kubernetes that the how-to names, and the newest with a schema."""

OTHERS: Final = frozenset(
    {
        "kustomize.config.k8s.io/v1beta1",
        "monitoring.coreos.com/v1",
        "postgresql.cnpg.io/v1",
        "rabbitmq.com/v1beta1",
    }
)
"""Versions of APIs that are not Kubernetes' own. What is not here must have a schema."""

_SETTINGS: Final = "kakehashi.yaml"


def documents(folder: Path = MANIFESTS) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every document of every manifest, with its file. Configuration of ours is none."""
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != _SETTINGS and "secrets" not in path.parts:
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                yield path, document


def faults(document: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each version of Kubernetes that would not take ``document``."""
    if document.get("apiVersion") in OTHERS:
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            where = ".".join(str(part) for part in error.path)
            yield f"Kubernetes {version}: {where}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"Kubernetes {version}: {error}"


def main() -> int:
    """Return 0 if every manifest is one."""
    found = 0
    for path, document in documents():
        for fault in faults(document):
            found += 1
            print(f"{path.relative_to(MANIFESTS.parent.parent)}: {document.get('kind')}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
