"""Simulated core systems, for the demo and the tests: what arrived, and what arrived twice.

Each is a class to use in a process and a program to kill: ``python -m
gateway.testing.cores.http_core`` and ``… .file_core``.
"""
