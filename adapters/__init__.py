"""Adapters: one folder each; they see ``gateway.sdk`` and ``gateway.formats`` only."""
