"""The stages a copy passes in a worker, in this order: verify, claim, open, send, report."""
