"""The rows of the table, each subject with the models of its answers."""
