"""The README says which of the metrics tell how its core system is, and what is normal."""
