"""Processes that are ended at a named step: what starts them, and what they deliver into."""
