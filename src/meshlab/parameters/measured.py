"""A table of parameters with what was measured on top, read from a file."""

from __future__ import annotations

from pathlib import Path

from meshlab.model.errors import InputError
from meshlab.parameters.calibration.outcome import Calibration
from meshlab.parameters.table import Parameters, read_csv


def with_file(parameters: Parameters, path: str | Path) -> Parameters:
    """Gives the table with a file's rows on top: what `meshlab calibrate` wrote, or a CSV table like ours.

    Raises
    ------
    InputError
        The file cannot be read or is neither; names file and line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.single(file, f"cannot be read: {error}", "check the path") from None
    if file.suffix == ".csv":
        return parameters.with_rows(read_csv(text, str(file)).values())
    return parameters.with_rows(Calibration.parse(text, str(file)).rows())
