"""With what: one subject a file, none imports another."""
