"""The layers through which time flows, each a pure function of the tracks below it."""
