"""Contract suites, builders and simulated core systems, for tests and the demo."""
