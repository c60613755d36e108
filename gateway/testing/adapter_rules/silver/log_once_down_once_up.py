"""A core system that goes down is logged once, and once when it is back."""
