from __future__ import annotations

import socket

import pytest

from meshlab.emulate.network.addresses import cluster_address, free_port, loopback
from own_addresses import dialled, network


def test_a_cluster_address_is_served_at_the_loopback_address_with_the_same_last_octets() -> None:
    assert loopback("10.20.1.11") == "127.20.1.11"
    assert cluster_address("127.20.1.11") == "10.20.1.11"


@pytest.mark.parametrize("address", ["192.168.0.1", "127.20.1.11", "10.20.1", "master-1", "fd00::1"])
def test_what_is_no_cluster_address_has_no_loopback_address(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        loopback(address)


def test_a_machine_address_is_not_taken_for_a_loopback_address() -> None:
    with pytest.raises(ValueError, match=r"10\.20\.1\.11 is not a loopback address"):
        cluster_address("10.20.1.11")


def test_a_free_port_can_be_listened_on() -> None:
    host = f"{dialled(network(0))}.3.1"
    with socket.create_server((host, free_port(host))) as server:
        assert server.getsockname()[1] > 0
