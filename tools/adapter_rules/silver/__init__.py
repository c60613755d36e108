"""Rules that silver needs."""
