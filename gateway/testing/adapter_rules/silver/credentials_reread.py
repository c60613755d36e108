"""Credentials that are exchanged while it runs are taken up without a restart."""
