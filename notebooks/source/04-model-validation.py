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
# # Can I believe the simulator?
#
# The other notebooks decide things by what the simulator says: whether a design is good enough, whether a step may
# run, what caused an incident. You are asked to trust it.
#
# **The question.** Where is the simulator right, by how much, and where is it wrong?
#
# **The evidence.** Real processes on one machine - etcd, OpenBao, WireGuard, API servers - were hit by real faults,
# thousands of times, and timed. The simulator was given the same configuration and the same faults. Nothing was fitted:
# what goes into the model is what was set, and what was measured *beforehand* (a synchronous write, a round trip).

# %%
from meshlab.validation.stored import compared, goals
from meshlab.views import tables
from meshlab.views.panels.validation import ValidationPanel
from meshlab.views.pictures import Picture

cells = compared()
real_faults = sum(d["real"]["n"] for d in cells.values() if d["setting"]["measure"] != "commit")
timed = len(ValidationPanel(cells).documents)
tables.Prose(
    [
        f"{len(cells)} cells with {real_faults:,} real faults",
        f"{timed} of them have times to compare; in the others nobody had to be elected, and nobody was",
    ]
)

# %% [markdown]
# ## Was it good enough?
#
# The targets were written down first. *KS* is the largest distance between the two cumulative curves (0: the same,
# 1: nothing in common). The last column is the worst cell, or the worst that misses.

# %%
tables.targets(goals(cells))

# %% [markdown]
# Read it from the top: **failovers are right**, in etcd, in Vault, over the API and in the mesh. **Latencies of puts
# are not**: with many writers on one machine the simulator is too fast. It knows what a link and a disk cost; it does
# not know what replication costs a processor that five members and their clients share.
#
# ## A dead etcd leader
#
# Two hundred real kills. The band is what the measurement leaves open: a dashed line inside it cannot be told apart
# from the truth.

# %%
panel = ValidationPanel(cells, "etcd-3-kill-leadership-100-1000-delay0")
Picture(panel.figure())

# %% [markdown]
# ## What a user of the API sees of it
#
# Behind a real kube-apiserver. The election took 1.3 s, and most writes waited for 7 s: they were under way to the dead
# leader, and nobody told them. A read is asked again as soon as there is a leader. The simulator says both. One write
# in eight was luckier: it had reached the log of the next leader in time. That the simulator does not say.

# %%
panel.choose("api-3-kill-outage-100-1000-delay0-timeout10-kube-apiserver", "outage_ms")
Picture(panel.figure())

# %%
panel.choose("api-3-kill-outage-100-1000-delay0-timeout10-kube-apiserver", "read_outage_ms")
Picture(panel.figure())

# %% [markdown]
# ## The mesh after a long cut
#
# Two WireGuard peers whose keys have died meet again at the next attempt of a handshake, and both of them try. The
# simulator used to know of one attempt only; this measurement corrected it.

# %%
panel.choose("mesh-partition-200s-delay0", "back_ms")
Picture(panel.figure())

# %% [markdown]
# ## Where it is wrong
#
# Sixty-four writers on three members: the real curve is to the right of the simulated one, by a third. Do not size a
# busy etcd by the simulator's latency; size it by a benchmark on the real machines.

# %%
panel.choose("etcd-3-commit-64-100-1000-delay0", "latency_ms")
Picture(panel.figure())

# %% [markdown]
# ## Look at any cell yourself
#
# The curve is simulated when you choose, with the model as it is now.

# %%
ValidationPanel(cells, "vault-3-kill-leadership-delay0")

# %% [markdown]
# ## And on this machine?
#
# Three real etcd processes are started here, and their leader is killed three times. Ten seconds; no root, no network
# but loopback. What must hold on any machine is checked; how fast *yours* is, you see when you run it.

# %%
from meshlab.validation.live import checks, quick_run

mine = await quick_run()
tables.held(checks(mine))

# %% tags=["varies"]
took = ", ".join(f"{ms:,.0f} ms" for ms in mine["real"]["leader_after_ms"])
tables.Prose([f"Until there was a new leader: {took}"])

# %% [markdown]
# ## What to do with this
#
# - **Believe** outages: who is away, for how long, in which order. Plans, guards and post-mortems rest on that.
# - **Do not believe** latency percentiles of a loaded etcd to better than a factor of two.
# - **Measure your own machines**: `meshlab validate etcd --repeats 200`, `... vault`, `... api`, `... mesh`.
#   Every number with its interval, and why it is wrong where it is: [docs/validation.md](../docs/validation.md).
# - Go on with [capacity planning](01-capacity-planning.ipynb).
