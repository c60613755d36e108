"""Spans to a collector: OpenTelemetry's SDK, with an export that bounds what waits."""
