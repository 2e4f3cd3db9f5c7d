# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What happened, why, and what would have helped?
#
# Something broke. You were watching, so you have what the clients saw: who answered, who was silent, who led. You
# have no message that says why.
#
# **The question.** What is the most likely cause, did the cluster behave as it should, and what is worth changing?
#
# **The model.** Every fault that could have done it is simulated on the same cluster, and ranked by how well its
# histories agree with what was seen.

# %%
from pathlib import Path

from meshlab import reference
from meshlab.emulate.lifecycle import state_dir, supervisor_pid, up
from meshlab.incident.post_mortem import post_mortem
from meshlab.live.target import Target
from meshlab.model.spec import data_file
from meshlab.provision.bringup import plan_bringup
from meshlab.views import tables
from meshlab.views.panels.breaking import BreakPanel
from meshlab.views.panels.bringup import BringUpPanel
from meshlab.views.pictures import Picture
from meshlab.views.bar import Bar

# %% [markdown]
# ## What should a lost master look like?
#
# Say first what you expect. This is what the simulator expects of a cluster that loses the master which leads both
# etcd and Vault, with the timing of the embedded cluster:

# %%
from meshlab.parameters import Parameters
from meshlab.simulate import load_scenario, simulate
from meshlab.views.plots.timeline import plot_timeline

cluster = reference()
lost = load_scenario(data_file("scenarios/lose-master.yaml"), cluster)
expected = simulate(cluster, lost, replicates=50, parameters=Parameters.embedded())
tables.outlooks(expected)

# %%
title = "lose-master: who should be away, and for how long?"
Picture(plot_timeline(expected.typical(), topology=cluster, title=title, zoom=True))

# %% [markdown]
# etcd elects within two seconds and Vault within a quarter of a minute; the chain nodes should notice nothing.
#
# ## A cluster to break
#
# The one that [notebook 02](02-guided-bring-up.ipynb) brought up; if there is none, it is started and brought up
# here (approve and apply in the panel). An incident that was recorded earlier is taken as it is.

# %%
folder = Path("../out/incident-notebook")
if supervisor_pid(state_dir()) is None:
    up(data_file("reference.yaml"))
target = Target.embedded()

# %% tags=["varies"]
breaking = BreakPanel(cluster, target, folder, "master-1")
if not breaking.recorded:
    bringup = BringUpPanel(plan_bringup(cluster, target), cluster, target)
    display(bringup)
    bringup.result()

# %% [markdown]
# ## Break it, and watch
#
# The button watches the cluster through its ordinary interfaces for 75 seconds. After the first ten, master-1 loses
# its power: no goodbye, only silence. (Or choose something else to break.) Each incident gets a folder of its own.

# %% tags=["varies"]
breaking

# %%
incident_folder = breaking.result()

# %% [markdown]
# ## Why?
#
# Every candidate fault, simulated and compared with what was seen. This is what the cluster's own outsides tell;
# nothing here was told who broke it.

# %%
with Bar("simulating every fault that could have done it") as bar:
    found = post_mortem(incident_folder, seed=0, progress=bar.at)
tables.Prose(["Most likely: " + " and ".join(found.explanation.best.components)])

# %% tags=["varies"]
tables.causes(found.explanation)

# %% [markdown]
# ## What was seen, moment by moment
#
# Move the slider, or jump to a moment where something changed. *Predicted* is a typical history of the most likely
# cause.

# %% tags=["varies"]
from meshlab.views.panels.incident import IncidentPanel

incident = IncidentPanel(cluster, found.incident.timeline, found.replay.predicted)
incident

# %% [markdown]
# ## Did it behave as it should?
#
# The outage of each service, as simulated for that cause and as observed. A service outside its interval means that
# the model, or the cluster, is not what we think.

# %% tags=["varies"]
tables.outages(found.replay.outages)

# %% [markdown]
# ## The report
#
# For those who were not there: self-contained, every sentence with the lines it rests on.

# %%
from meshlab.views.links import Links
from meshlab.views.plots.report_figures import write_report

written = write_report(found.report, incident_folder)
Links(
    [
        (written.html, "the report, one page that needs nothing else"),
        (written.markdown, "the same as Markdown"),
        (written.timeline, "predicted above observed"),
        (written.outages, "how long each service was away"),
    ]
)

# %% [markdown]
# And the panel above as one page that needs no kernel, to be sent to somebody: [incident.html](../out/incident.html).

# %%
from meshlab.views.incident_page import write_page

causes = " and ".join(found.explanation.best.components)
page = write_page(
    incident, Path("../out/incident.html"), "What happened?", f"The most likely cause: {causes}"
)

# %% [markdown]
# ## What to change
#
# The proposals of the report, most urgent first.

# %% tags=["varies"]
tables.proposals(found.report)

# %% [markdown]
# ## What to do next
#
# - **Heal** in the panel above gives master-1 its power back. Its Vault pod then waits, sealed, for people.
# - Watch a real incident with `meshlab observe`, and explain its folder with `meshlab incident FOLDER`.
# - What a KMS seal would have changed is in [notebook 01](01-capacity-planning.ipynb).
