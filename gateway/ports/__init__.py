"""What the gateway needs from the world: Protocols whose docstrings are the contract."""
