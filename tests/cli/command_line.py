"""What one run of the command line gave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
