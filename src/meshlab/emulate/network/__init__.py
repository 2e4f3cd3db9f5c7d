"""The network between the machines: relays over loopback addresses that delay, lose, limit and cut."""
