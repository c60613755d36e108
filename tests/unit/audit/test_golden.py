"""The log that the first version wrote still verifies, to the same heads."""

from pathlib import Path

from gateway.audit.verify import Head, read, verify
from gateway.domain.entry import StoredEntry
from gateway.domain.identifiers import NodeName

DATA = Path(__file__).parents[2] / "data" / "chain-1"
HEADS = {
    "gw-1": "c528239298ba683728628424ad9922bdcfe123a72b321f647716e92881b35803",
    "gw-2": "8a9a1b121d91b6d07894f047df8047801d71c0a968f24893d43e572c5aa3e93e",
}


def test_an_old_log_verifies() -> None:
    lines = (DATA / "entries.jsonl").read_bytes().split(b"\n")[:-1]
    entries = [
        StoredEntry(
            node=NodeName(read(line)["node"]),
            nseq=read(line)["nseq"],
            data=line,
        )
        for line in lines
    ]

    report = verify(entries)

    assert (report.ok, report.entries) == (True, 6)
    assert report.heads == {
        NodeName(node): Head(3, bytes.fromhex(head)) for node, head in HEADS.items()
    }
