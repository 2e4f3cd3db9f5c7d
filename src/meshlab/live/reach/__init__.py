"""How the machines of a target are reached: a file for each way, listed in `table`."""
