"""Colours, hatches and marks of states and components, the same in every picture.

The colours are from the palette of Okabe and Ito (distinguishable with every common colour blindness), with
lightness falling as severity rises; a hatch and a word go with each, so that nothing rests on colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.model.states import State


@dataclass(frozen=True)
class Look:
    """How a state is drawn: fill, hatch, a marker for points, the colour of text upon the fill."""

    colour: str
    hatch: str
    marker: str
    text: str


STATES: dict[State, Look] = {
    State.UP: Look("#bfe3d3", "", "o", "#10302a"),
    State.DEGRADED: Look("#f3e27a", "..", "h", "#3a3200"),
    State.SYNCING: Look("#9ccdf0", "//", ">", "#0b2c45"),
    State.BOOTING: Look("#d9a3c2", "\\\\", "^", "#3d1530"),
    State.NO_LEADER: Look("#e69f00", "xx", "D", "#2e1f00"),
    State.UNREACHABLE: Look("#a9adb3", "++", "P", "#17191c"),
    State.SEALED: Look("#0072b2", "oo", "s", "#ffffff"),
    State.NO_QUORUM: Look("#d55e00", "XX", "X", "#ffffff"),
    State.DOWN: Look("#4a1a24", "--", "v", "#ffffff"),
}

INK = "#1d2733"
"""Text and outlines."""
MUTED = "#5b6775"
"""Secondary text."""
PAPER = "#ffffff"
FAINT = "#c9d2dc"
"""Lines that should be there but not be looked at."""
MESH = "#5aa9a1"
"""The WireGuard mesh."""

PLACES = {"aws-region": ("#fdf3e1", "#d98a00"), "datacentre": ("#e8f0fb", "#2f63b8")}
"""Fill and edge of a site, by its kind of place."""

BADGES = {
    "etcd": ("#356aa0", "#ffffff"),
    "vault": ("#6b4c9a", "#ffffff"),
    "api": ("#3f4a57", "#ffffff"),
    "solana": ("#0d8a72", "#ffffff"),
    "ethereum": ("#4f5fb5", "#ffffff"),
    "tron": ("#b3352f", "#ffffff"),
}
"""Fill and text colour of a badge: what runs on a machine."""


def look(state: State | None) -> Look:
    """Gives how a state is drawn; no state known is drawn as plain paper."""
    return STATES[state] if state is not None else Look(PAPER, "", ".", INK)
