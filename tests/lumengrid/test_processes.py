"""Ports: found free, and out of the way of outgoing connections."""

import socket

import pytest

from lumengrid import processes
from lumengrid.processes import free_port, port_is_free


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not port_is_free(server.getsockname()[1])


def test_no_port_is_found_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PORTS", range(20_000, 20_400))
    monkeypatch.setattr(processes, "_given", set())

    ports = [free_port() for _ in range(100)]

    assert len(set(ports)) == 100


def test_a_free_port_can_be_listened_on_and_is_no_outgoing_connection_s() -> None:
    port = free_port()

    assert port < 32_768, "net.ipv4.ip_local_port_range begins there"
    with socket.create_server(("127.0.0.1", port)):
        pass
