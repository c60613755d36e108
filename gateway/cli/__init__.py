"""Who asks, at a terminal."""
