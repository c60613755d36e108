"""The whole configuration: what can be set, and how it is read."""
