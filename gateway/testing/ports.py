"""Ports on 127.0.0.1 that stay free for one process while tests run beside each other."""

import socket


def held_ports(count: int) -> list[int]:
    """Return so many ports that nobody is given or connects from while this process lives.

    Each stays bound and never listens: who asks the kernel for any port gets another,
    before a server has opened it and while one is dead between two lives. A server that
    sets SO_REUSEADDR, as all do that are told a port here, may listen on it all the same
    (socket(7)).
    """
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("127.0.0.1", 0))
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.detach()  # The kernel closes it when the process ends, and not before.
    return ports
