"""A table of parameters with what was measured on top, read from a file."""

from __future__ import annotations

from pathlib import Path

from meshlab.model.reading import JSON, read_text
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
    text = read_text(path, JSON)
    if file.suffix == ".csv":
        return parameters.with_rows(read_csv(text, str(file)).values())
    return parameters.with_rows(Calibration.parse(text, str(file)).rows())
