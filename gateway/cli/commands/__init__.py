"""The commands: a file for each, with an ``app`` that is read when it is called."""
