"""What the audit log costs, and how fast it answers: ``python -m benchmarks audit``."""
