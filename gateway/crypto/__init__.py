"""Seal, open, sign, key rings; bytes in, bytes out."""
