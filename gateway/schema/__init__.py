"""Procedure file in, validator out."""
