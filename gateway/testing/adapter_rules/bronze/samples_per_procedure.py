"""There is a sample application, with what arrives of it, for each procedure it can carry."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from gateway.schema.catalogue import procedure_files, shipped_schemas
from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each shipped procedure, and each sample, that lacks one."""
    folder = adapter.folder / "samples"
    messages = sorted(folder.glob("*.message.json"))
    sampled = {json.loads(path.read_text(encoding="utf-8"))["procedure"] for path in messages}
    shipped = {"/".join(path.parts[-3:-1]) for path in procedure_files(shipped_schemas())}
    for name in sorted(shipped - sampled):
        if any(fnmatchcase(name, pattern) for pattern in adapter.manifest.procedures):
            yield f"no sample is of {name}"
    for path in messages:
        name = path.name.removesuffix(".message.json")
        if not list(folder.glob(f"{name}.native.*")):
            yield f"nothing says what arrives of the sample {name}"
