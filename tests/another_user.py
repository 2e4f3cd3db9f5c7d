"""Another user of this machine, as far as a test may play one: a program of uid 65534 that has nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from needs import lacking

NOBODY = 65534
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason=lacking("root", "only root can start a program as another user")
)


BECOME = f"""
import os, socket, sys, time
import encodings.idna
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
assert os.getuid() == os.geteuid() == {NOBODY}
"""


def as_nobody(code: str, *arguments: str) -> str:
    """Runs Python code as another user, who has no rights here (nor to our Python: it is loaded first); its output."""
    argv = [sys.executable, "-I", "-S", "-c", BECOME + code, *arguments]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


ASK = """
host, port, first = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
try:
    with socket.create_connection((host, port), timeout=20) as caller:
        caller.sendall(first)
        print("answered" if caller.recv(100) else "hung up")
except OSError as error:
    print(type(error).__name__)
"""


def answer_to_nobody(host: str, port: int, first: str = "GET / HTTP/1.0\\r\\n\\r\\n") -> str:
    """Whether another user's program is answered at an address: "answered", or how it was refused."""
    return as_nobody(ASK, host, str(port), first.replace("\\r\\n", "\r\n")).strip()
