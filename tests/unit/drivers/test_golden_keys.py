"""The key files of release 1 are still read, and still are the keys that they were."""

import shutil
from pathlib import Path

import pytest

from gateway.crypto import keys
from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer
from gateway.domain.identifiers import MunicipalityCode
from gateway.drivers.file_keys import FileKeys

GOLDEN = Path(__file__).parents[2] / "data" / "release-1" / "keys"
NAMES = {
    "destination/core": "l98NZxpxlMx56D3Xwzm20aKlRiTFZA6rNcj5q3dr_Rw",
    "gateway/signing": "F0nMRnttfyIrHqU_CL9EiDCb0J487Svhe_wqLSibHNo",
    "worker/w1": "FHBwConNyppHP_myZJWebMGIxDaRh-fyaLTmmplwFDs",
}
"""Each key pair's thumbprint (RFC 7638), which messages, entries and people know it by."""
RECEIPT_MAC = "472013982a62057f30223dde58a66412eaf9ebc41ad95e373566e5661f66b14d"
"""Of 受付番号 A-000001 in 131016: what applications are found by."""


@pytest.fixture
def store(tmp_path: Path) -> FileKeys:
    """The files, with the modes that git does not keep."""
    folder = tmp_path / "keys"
    shutil.copytree(GOLDEN, folder)
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o700 if place.is_dir() else 0o600)
    return FileKeys(folder)


def test_the_files_are_found_under_their_names(store: FileKeys) -> None:
    assert store.names() == tuple(sorted({*NAMES, "gateway/pseudonym"}))


@pytest.mark.parametrize("name", NAMES)
def test_a_key_pair_is_the_one_it_was(store: FileKeys, name: str) -> None:
    private, public = store.private(name), store.public(name)

    assert keys.thumbprint(private) == keys.thumbprint(public) == NAMES[name]
    (Opener([private]) if name.startswith("destination") else Signer(private))


def test_a_receipt_number_is_found_by_the_hash_it_had(store: FileKeys) -> None:
    pseudonyms = Pseudonyms(store.private("gateway/pseudonym"))

    mac = pseudonyms.receipt_mac(MunicipalityCode("131016"), "A-000001")

    assert mac.hex() == RECEIPT_MAC
