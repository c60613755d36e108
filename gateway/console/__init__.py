"""The console: how operators and auditors see and repair what the gateway carries."""
