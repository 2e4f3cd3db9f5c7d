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
# # From nothing to a running cluster, one explained step at a time
#
# You have an empty cloud account and three racked machines that wait for their configuration. At the end there is the
# whole cluster of the design, verified claim by claim.
#
# **Here it happens on this machine**, in the embedded cluster: real etcd, real OpenBao, and stand-ins for AWS, Talos
# and Kubernetes that answer to the ordinary clients. On the real systems the same plan runs through the same code;
# only the target differs, and it is never the default.
#
# Run the cells from top to bottom, as often as you like: a run that was begun is attached to, and nothing is ever
# applied twice. The work is done by a process of its own. If this kernel dies, you lose the picture and not the run.

# %%
from meshlab import reference
from meshlab.emulate.lifecycle import state_dir, supervisor_pid, up
from meshlab.live.target import Target
from meshlab.model.spec import data_file
from meshlab.provision.bringup import plan_bringup
from meshlab.provision.plan.preview import preview
from meshlab.views import tables
from meshlab.views.panels.bringup import BringUpPanel
from meshlab.views.pictures import Picture
from meshlab.views.plots.timeline import plot_timeline

# %% [markdown]
# ## Where: an empty world
#
# This starts the embedded world if none is up. `meshlab emulate down` takes it away again.

# %%
cluster = reference()
if supervisor_pid(state_dir()) is None:
    up(data_file("reference.yaml"))
target = Target.embedded()
tables.Prose([f"Target: {target.name}. Real systems: {'yes' if target.real else 'no'}."])

# %% [markdown]
# ## What: the plan
#
# Made once, compared with what is there already, and then only walked. Looking changes nothing.

# %%
panel = BringUpPanel(plan_bringup(cluster, target), cluster, target)
plan = panel.plan
tables.plan_in_short(plan)

# %% [markdown]
# All the steps stand in the panel below; `tables.plan(plan)` gives them as one table, with their reasons.
#
# Every step says why it is there and what it does to the cluster. A few are done once in the cluster's life and
# never retried blindly; this is the first of them.

# %%
first = next(step for step in plan if step.irreversible)
tables.Prose(preview(plan, first).splitlines())

# %% [markdown]
# ## Do it
#
# Click a step (or walk the list with the arrow keys) and read what the model says it changes. Then type the words that
# stand above the field *approval* (they are bound to this very plan) and press **Apply**. **Hold** starts nothing more
# and lets what is in flight finish; **Resume** goes on. It takes a minute or two.

# %% tags=["varies"]
panel

# %% [markdown]
# The cells below wait for that: until the run is done they stop here. When the panel says *done*, run them.

# %%
run = panel.result()
claims = run.results()["verify/claims"]
tables.Prose([claims["said"]])

# %% [markdown]
# Nothing of that is taken on trust: here is each claim, with what was measured for it.

# %% tags=["varies"]
tables.claims(claims, measured=True)

# %% [markdown]
# ## What was built
#
# What the run made, by system, and how it went in time:

# %%
tables.built(plan, run.steps())

# %% tags=["varies"]
Picture(plot_timeline(run.timeline(), topology=cluster, title="How did the bring-up go?"))

# %% [markdown]
# ## What to do next
#
# - Look around with the ordinary tools: `meshlab emulate status`, `meshlab drift data/reference.yaml`.
# - Restart this kernel and run all cells again: the panel attaches to the finished run, and nothing is called.
# - [Break it](03-incident-post-mortem.ipynb), and find out why it broke.
# - `meshlab destroy data/reference.yaml` takes the cluster away; `meshlab emulate down` the whole world.
