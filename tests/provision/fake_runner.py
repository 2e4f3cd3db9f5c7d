"""The real runner with the operations of the fake world, and a kill where the test asks for one."""

from __future__ import annotations

import sys

import fake_world

from meshlab.provision.run.runner import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], fake_world.boundary))
