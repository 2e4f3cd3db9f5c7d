"""An incident as one page without a kernel: slider, predicted above observed, map and states of each moment."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path

from meshlab.model.units import duration
from meshlab.views.marks import svg
from meshlab.views.panels.incident import LANES, IncidentPanel
from meshlab.views.panels.parts.lanes import Lanes

STEP_S = 0.1
MOST = 120
"""Moments at which something changes that are told apart; a longer incident keeps its first ones."""
_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def incident_page(panel: IncidentPanel, title: str, said: str = "") -> str:
    """Gives an incident's page, which needs nothing else and asks nobody for anything.

    Parameters
    ----------
    panel
        The incident, with what was predicted for its cause.
    said
        What happened and why, in a sentence or two.
    """
    times = [0.0, *(time for _, time in panel.moments())][:MOST]
    maps, which = _maps(panel, times)
    lanes = Lanes(panel.lanes(), LANES)
    frames = {
        "times": times,
        "words": [panel.words(time) for time in times],
        "tables": [panel.table(time) for time in times],
        "maps": maps,
        "map": which,
        "lanes": {"start": lanes.start, "end": lanes.end, "left": lanes.left, "width": lanes.width},
    }
    first = panel.worst()
    script = (_HERE / "incident_page.js").read_text(encoding="utf-8")
    style = (_HERE / "incident_page.css").read_text(encoding="utf-8")
    data = json.dumps(frames).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title><style>{style}</style></head>
<body><main>
<h1>{escape(title)}</h1>
<p>{escape(said)}</p>
<div class="bar"><button id="before" type="button">&#9664; change before</button>
<label for="time">moment</label>
<input id="time" type="range" min="0" max="{panel.observed.horizon:g}" step="{STEP_S}" value="{first:.1f}">
<output id="now" for="time">{escape(duration(first))}</output>
<button id="after" type="button">next change &#9654;</button></div>
{lanes.html(first)}
<p id="words" aria-live="polite"></p>
<div class="moment"><div id="table" tabindex="0" role="region" aria-label="states of this moment"></div>
<img id="map" alt="" src="data:,"></div>
</main>
<script type="application/json" id="frames">{data}</script>
<script>{script}</script>
</body></html>
"""


def write_page(panel: IncidentPanel, path: Path, title: str, said: str = "") -> Path:
    """Writes an incident's page to a file and gives the file back; texts as in `incident_page`."""
    path.write_text(incident_page(panel, title, said), encoding="utf-8")
    return path


def _maps(panel: IncidentPanel, times: list[float]) -> tuple[list[str], list[int]]:
    """The maps that differ, as addresses of pictures, and which of them belongs to each moment."""
    import matplotlib

    found: dict[str, int] = {}
    which = []
    for time in times:
        with matplotlib.rc_context({"svg.fonttype": "none"}):  # a third of the size
            drawn = base64.b64encode(svg(panel.map(time))).decode("ascii")
        which.append(found.setdefault(f"data:image/svg+xml;base64,{drawn}", len(found)))
    return list(found), which
