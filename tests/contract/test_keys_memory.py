"""The memory key store keeps the contract."""

import pytest

from gateway.drivers.memory_keys import MemoryKeys
from gateway.ports.keys import KeyStore
from gateway.testing.contracts.keys import KeyStoreContract


class TestMemoryKeys(KeyStoreContract):
    @pytest.fixture
    def store(self) -> KeyStore:
        return MemoryKeys()
