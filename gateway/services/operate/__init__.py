"""What a person may do, one subject a file; ``by_name`` is the list."""
