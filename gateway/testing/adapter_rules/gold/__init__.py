"""Rules that gold needs."""
