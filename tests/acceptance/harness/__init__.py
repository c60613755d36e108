"""What the acceptance and fault tests drive: processes, core systems, clients, operators."""
