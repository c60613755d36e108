"""Entries, chain, verification; bytes in, bytes out."""
