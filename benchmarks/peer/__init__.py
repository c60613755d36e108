"""FastAPI and FastStream doing the same work, written as well as we could."""
