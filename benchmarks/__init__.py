"""Measures Kakehashi beside a peer in the same run; ``python -m benchmarks`` runs it all."""
