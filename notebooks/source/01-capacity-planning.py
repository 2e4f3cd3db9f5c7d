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
# # Is this design available, fast and big enough?
#
# You run one hybrid cluster: three control-plane machines on EC2, one per zone, joined by KubeSpan with three
# bare-metal workers in a data centre. etcd and Vault share the three masters; Solana, Ethereum and Tron have one
# replica each on local disks.
#
# **The question.** Is that available, fast and big enough, until when, at what price - and what would a change buy?
#
# **At the end** you have a decision, and a plan as a page in which every number leads to its method and its sources.
# Nothing here touches a live system: everything is computed from the design.

# %%
from dataclasses import replace
from pathlib import Path

from IPython.display import display

from meshlab import reference
from meshlab.model import Distribution
from meshlab.model.spec import data_file
from meshlab.planning import fits, latency
from meshlab.planning.report import answers, capacity_plan
from meshlab.views import tables
from meshlab.views.pictures import Picture
from meshlab.views.plots import plan_figures
from meshlab.views.bar import Bar

# %% [markdown]
# ## The design
#
# `data/reference.yaml` says what there is. To plan for your own, load it with `meshlab.load("your.yaml")`.

# %%
from meshlab.views.topology.plot import plot_topology

cluster = reference()
Picture(plot_topology(cluster), "The reference cluster: two sites, six machines, their quorums and the mesh")

# %% [markdown]
# ## The answer in short
#
# All models, asked once, for the next 24 months. Each row is taken apart below.

# %%
with Bar("asking every model") as bar:
    found = answers(cluster, progress=bar.at)
plan = capacity_plan(found)
tables.plan_table(plan, "Question by question")

# %% [markdown]
# So: it works, and four rows are marked. Two are to be looked at before it is built: what the review calls an error,
# and what one failure is enough to take away. Until when it lasts and what it costs follow below.
#
# ## What an expert would say of it
#
# Each row is a rule of the design review: what is wrong, and the way out. An *error* does not work or loses data as
# it is; a *warning* works until a foreseeable thing happens; an *info* was checked and holds.

# %%
tables.findings(found.findings)

# %% [markdown]
# ## How available is it, and what limits that?
#
# Exact availability from the rates of failure and repair in the design, with the interval that their uncertainty
# gives.

# %%
display(Picture(plan_figures.availability_figure(found)))
tables.plan_table(plan, "Expected downtime")

# %% [markdown]
# All three masters are in one region, so the region's rare failure is what etcd, the API and Vault see; three zones
# take care of the rest. The chain nodes lose twenty times as much: one machine, one disk, one data centre.
#
# ### Try it: what if something fails?
#
# Take parts down; the verdicts are those of the settled state. Begin with `master-1`, then add `master-2`.

# %%
from meshlab.views.panels.failures import FailurePanel

failures = FailurePanel(cluster)
failures

# %% [markdown]
# One master may go; the second one takes etcd and Vault with it, and with etcd the API. The chain nodes go on in
# either case: a worker that is cut off from its control plane keeps its pods running.
#
# ## Is it fast enough?
#
# Each kind of request is a way through the cluster, hop by hop; the bars say where its time goes.

# %%
display(Picture(plan_figures.latency_figure(found)))
tables.plan_table(plan, "Each kind of request")

# %% [markdown]
# The way between the data centre and the region is most of what a worker waits for; the disks are not. The raft
# groups themselves are far below etcd's heartbeat of 100 ms: three zones of one region are near enough to each other,
# and the data centre is not asked for a vote.

# %%
tables.plan_table(plan, "Commit of etcd")

# %% [markdown]
# Masters and workers 90 ms from each other would make every lease renewal take more than a quarter of a second:

# %%
far = cluster
for link in cluster.links:
    far = far.with_component(replace(link, latency=Distribution.constant(0.045)))
tables.requests(latency.latency(far, request, samples=5_000) for request in ("etcd-put", "kubelet-api"))

# %% [markdown]
# ## Is it big enough, and until when?
#
# What the workloads ask for today fits. What grows is forecast in 20,000 worlds, each with its own size and growth.

# %%
tables.plan_table(plan, "What each machine")

# %%
display(Picture(plan_figures.runout_figure(found)))
tables.plan_table(plan, "When each resource")

# %% [markdown]
# The first row is the one to watch: in the median it is three years away, but one world in nine gets there within the
# horizon. *growth* says what a date rests on: requirements with their dates, or an estimate that nobody has measured
# yet. Follow the numbers of the plan below to the rows of `data/growth.csv`.
#
# ### And how long is a chain node away?
#
# After an outage it replays what it missed, or restores a snapshot, whichever is faster; after a lost disk it begins
# anew.

# %%
tables.plan_table(plan, "From the outage")

# %% [markdown]
# A lost disk costs Tron a night: that, not its failure rate, is why a second replica is worth thinking about.
#
# ## What does it cost?

# %%
display(Picture(plan_figures.cost_figure(found)))
tables.plan_table(plan, "The bill")

# %% [markdown]
# The machines are the bill. Consensus across three zones, which people worry about, is a few dollars. The Omni
# subscription is not stated in the design: put it in as `orchestrator.monthly-cost`.
#
# ## Try it: what if it grows, moves apart, gets busy?
#
# Turn a number and every answer follows; the circles are what it was before. *When does twice the growth need a new
# disk? How many requests a second does a chain node bear? What does a fourth worker buy?* The button writes the plan
# of what you see.

# %%
from meshlab.views.panels.whatif import WhatIfPanel

whatif = WhatIfPanel(cluster, "../out", design="reference.yaml")
whatif

# %% [markdown]
# Twice the growth halves the time that is left, and makes the end of the horizon uncertain. Load is nearer: a chain
# node saturates below 400 requests a second, and the control plane does not notice.

# %%
whatif.turn(growth=2.0, load=400.0)
said = whatif.said_in_full()
whatif.reset()
tables.Prose([said])

# %% [markdown]
# ## What happens in time?
#
# Availability counts failures; a scenario plays one out: elections, leases, timeouts, restarts. Choose another
# scenario or draw more histories.

# %%
from meshlab.views.panels.scenarios import ScenarioPanel

scenarios = ScenarioPanel(cluster, list(data_file("scenarios").glob("*.yaml")), "rolling-reboot-masters")
scenarios

# %% [markdown]
# The swim lane of a typical history of this maintenance: every master rebooted in turn.

# %%
from meshlab.views.plots.timeline import plot_timeline

title = f"{scenarios.chosen}: who is away when?"
Picture(plot_timeline(scenarios.prediction.typical(), topology=cluster, title=title, zoom=True))

# %% [markdown]
# etcd and the API hardly notice. **Vault goes down for half an hour in a planned maintenance**: each rebooted pod
# comes back sealed and waits for people with their key shares, and the next master is rebooted before they came.
#
# ## And when a master is gone: what now?
#
# The advisor looks at each raft group on its own. With master-2 down, etcd has no loss left to give:

# %%
from meshlab.planning.advise import advise

etcd, vault = advise(cluster, {"master-2"})
tables.ways_out(etcd)

# %%
tables.Prose(f"Do not {rule.what}: {rule.why}." for rule in etcd.prohibitions)

# %% [markdown]
# ## What would a change buy?
#
# **First: let Vault unseal itself** (`seal: awskms`). The same scenario on the changed design:

# %%
from meshlab.simulate import load_scenario, simulate

unsealed = cluster.with_component(replace(cluster.workload("vault-server"), seal="awskms"))
reboot = load_scenario(data_file("scenarios/rolling-reboot-masters.yaml"), unsealed)
tables.outlooks(simulate(unsealed, reboot, replicates=20))

# %% [markdown]
# From half an hour to seconds, for one KMS key.
#
# **Second: a second Tron replica.** On worker-2, beside Ethereum, there is no room for it:

# %%
tron = replace(unsealed.workload("tron"), machines=("worker-3", "worker-2"), replicas=2)
beside = unsealed.with_component(tron)
tables.room(fit for fit in fits(beside) if not fit.fits)

# %% [markdown]
# So it takes a fourth worker (in the panel above: *more workers*). What that gives, beside what there is:

# %%
fourth = replace(cluster.machine("worker-3"), name="worker-4", address="10.40.0.14")
second = unsealed.with_component(fourth).with_component(replace(tron, machines=("worker-3", "worker-4")))
with Bar("asking every model of the changed design") as bar:
    both = replace(found, changed={"KMS seal, second Tron": answers(second, progress=bar.at)})
tables.plan_table(capacity_plan(both), "The same questions")

# %% [markdown]
# Half of Tron's expected downtime goes away; the other half is the data centre itself, which a second machine in
# the same hall does not help.
#
# **Third: let every combination compete.** Masters, spares, switches and replicas are varied, each design is asked the
# same questions in the same worlds, and what breaks a limit is out: nothing may be used up within 24 months in more
# than one world of ten. worker-1's memory is, so it gets 768 GiB first. From a terminal: `meshlab explore`.

# %%
from meshlab.planning.explore import explore
from meshlab.planning.explore.words import advice, rejections
from meshlab.views.plots.front import front_figure

choices = ["masters=3,5", "zones=1,3", "spare-workers=0,1", "tor=shared,own", "chain-replicas=1,2"]
roomy = cluster.with_component(replace(cluster.machine("worker-1"), memory=768 * 2.0**30))
with Bar("measuring the designs") as bar:
    searched = explore(roomy, choices, samples=1000, progress=bar.at)
Picture(front_figure(searched))

# %%
tables.Prose([*advice(searched.recommendation), *rejections(searched)])

# %% [markdown]
# A spare server takes over from any of the three. Second replicas would do more, but they double what leaves the
# data centre, and its uplink may be full within months.
#
# ## The plan, for whoever has to sign it
#
# One page that needs nothing else, and the same as Markdown. Every number is a link to how it was obtained and from
# what; estimates are marked as such. From a terminal: `meshlab report data/reference.yaml -o plan.html`.

# %%
from meshlab.views.links import Links
from meshlab.views.plots.plan_files import write_plans

out = Path("../out")
out.mkdir(exist_ok=True)
files = [out / "decision.html", out / "decision.md"]
with Bar("writing the plan") as bar:
    written = write_plans(both, files, design="reference.yaml", exploration=searched, progress=bar.at)
Links((w.files[0], f"{w.numbers} numbers, {len(w.report.sources)} sources") for w in written)

# %% [markdown]
# ## Conclusion
#
# - **Change now:** the KMS seal. It costs a dollar a month and takes half an hour out of every maintenance.
# - **Change now:** three plain instances in place of the Auto Scaling group (the review's only error).
# - **Decide:** whether two hours a year of the three chains together are worth a spare server. If one of them has to be
#   better than that, its second replica belongs in another place.
# - **Plan:** more memory for worker-1 within two years; measure what Solana really takes before it is bought.
# - **Nothing to do:** speed and disks suffice for years.
#
# **Next:** [bring it up](02-guided-bring-up.ipynb) on this machine, then [break it](03-incident-post-mortem.ipynb).
