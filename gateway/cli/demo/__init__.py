"""The demo: two simulated core systems, and applications on their way into them."""

from gateway.cli.demo.run import demo

__all__ = ["demo"]
