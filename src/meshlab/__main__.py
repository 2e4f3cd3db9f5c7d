"""The way in: Ctrl-C ends with a word from the first moment, also while the command line is being imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line."""
    try:
        from meshlab.cli import main as run

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
