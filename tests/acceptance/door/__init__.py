"""What schemathesis is told of the front door: its configuration, formats and hooks."""
