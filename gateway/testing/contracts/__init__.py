"""What every driver of a port must do, as test classes; a driver's test is a few fixtures."""
