"""Parts that panels share: the gate of a call, the pulse of the kernel, bars, later work."""
