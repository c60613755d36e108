"""Rules that bronze needs."""
