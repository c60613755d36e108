"""The operations API, ``/ops/v1``: what people do through the console, for programs."""
