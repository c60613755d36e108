"""Adapters: one folder a core system interface; they see ``gateway.sdk`` and ``gateway.formats`` only."""
