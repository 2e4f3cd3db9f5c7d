"""Who answers for a plan, of which day it is, and what made it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Signed:
    """The day of a plan, and its author; nobody is named where none is given."""

    day: date
    author: str = ""

    def line(self) -> str:
        """Gives the line in the head of a plan."""
        day = f"{self.day.day} {self.day:%B %Y}"
        return f"{day}, {f'prepared by {self.author}' if self.author else 'prepared'} {_made()}"


def unsigned() -> str:
    """Gives the same for a plan of which neither is known."""
    return f"Prepared {_made()}"


def _made() -> str:
    from meshlab import __version__

    return f"with meshlab {__version__}"
