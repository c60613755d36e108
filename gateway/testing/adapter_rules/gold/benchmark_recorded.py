"""What it delivers in a second, and on what machine, is measured and committed."""
