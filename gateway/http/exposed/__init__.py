"""What Prometheus is told, one subject a file; ``gateway.http.metrics`` puts it together."""
