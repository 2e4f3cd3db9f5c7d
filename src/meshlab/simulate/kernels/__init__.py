"""Compiled kernels: short functions on plain arrays. Nothing here is imported before somebody needs it.

Every kernel has a slow readable twin under ``tests/simulate/kernels/`` that gives the same bits from the same
draws. Importing a kernel's module imports numba; its first call compiles (seconds), later processes load the
machine code from disk (a second). `meshlab.simulate.groups.failovers.prepare` does that for the raft kernel on purpose
and says how long it took.
"""
