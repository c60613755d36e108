"""The composition root: which parts make up a gateway, a worker, and both in one process."""
