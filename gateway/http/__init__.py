"""Who asks, by machine: the front door and the operations door."""
