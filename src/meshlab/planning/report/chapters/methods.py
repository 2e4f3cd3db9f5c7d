"""How each kind of number of a capacity plan is obtained: one paragraph each, assumptions included."""

from __future__ import annotations

from meshlab.planning.report.document import Method

METHODS = {
    "availability": Method(
        "Exact availability",
        "Each service's structure function (which parts must work) is compiled into a binary decision "
        "diagram, and the probability that it does not hold is computed on that exactly, with each part's "
        "long-run unavailability: rate x mean repair / (1 + rate x mean repair). Minimal cut sets are the "
        "smallest sets of failures that take the service; their share is the probability of the set over "
        "that of the service. Parts fail and are repaired independently; what they share (zone, site, "
        "link, provider) is a part of its own. The interval is 90 %: every uncertain rate is drawn from "
        "its own bounds, parts of one class together. Elections, restarts and planned work are not in it: "
        "meshlab simulate adds them.",
    ),
    "latency": Method(
        "Latency along a request's way",
        "A request is a list of hops (network, processor, disk, quorum). In each of many worlds every hop "
        "is drawn from its distribution and the hops are added; the quantiles are of the sums. The quorum "
        "hop is a simulation of the leader's and followers' batches. Waiting for processors follows "
        "Erlang's formula, with Allen and Cunneen's correction. The dominating hop is the one with the "
        "largest share of the mean. The load is that of one kind of request at a time.",
    ),
    "commit": Method(
        "Commit latency of the raft group",
        "The leader writes to its disk while it sends to its followers; the entry is committed when a "
        "quorum has it on disk: the later of the leader's own write and the fastest sufficient followers. "
        "Drawn in many worlds for each member that may lead; nothing else is in the queue.",
    ),
    "fit": Method(
        "Does it fit today",
        "Per machine: the sum of what its workloads ask for, half a core and 512 MiB (a worker: 384 MiB) "
        "for the system, against what the machine has; pods against min(110, 10 x cores).",
    ),
    "forecast": Method(
        "When a resource is used up",
        "In each world size and growth of every workload are drawn once from their triangles and used in "
        "every resource they enter; the date is (limit - used) / growth. Growth is linear within a world. "
        "p10, p50 and p90 are those of the date over the worlds; the probability within the horizon is the share "
        "of worlds in which it comes sooner.",
    ),
    "recovery": Method(
        "How long a chain node is away",
        "After an outage the node replays what it missed (blocks behind / (replay rate - chain rate)) or "
        "restores a snapshot, whichever is faster in that world; after a lost disk the disk is replaced "
        "and the node synced anew. A voter whose disk is lost boots anew and is sent the whole database by "
        "the leader over the slowest of interface, link and one core of WireGuard. The interval is 90 %.",
    ),
    "cost": Method(
        "The monthly bill",
        "Items are counted in the design and priced from a table; consensus and watch traffic is counted "
        "message by message. Prices and volumes are drawn once per world, and the total adds the items of "
        "the same world, so its interval is narrower than the sum of theirs. The interval is 90 %. "
        "Servers are depreciated in a straight line. Not in it: people, taxes, discounts, and the Omni "
        "subscription where the design does not state it.",
    ),
    "explore": Method(
        "Designs compared",
        "Every combination of the choices is a design of its own, and each is asked the same questions: exact "
        "availability, p99 latency (at rest, or under the load that was asked for, one kind of request at a time), "
        "the date of exhaustion, the bill. All are measured on the same random "
        "numbers, so a difference between two has its own interval, narrower than both. A design that breaks a "
        "limit is rejected with its number, first by what does not fit, then by a load that it cannot carry, else by "
        "the limit that it misses by most; one that another beats in everything is not on the Pareto front. "
        "Recommended is what makes nothing worse but the bill and buys most minutes for a dollar.",
    ),
    "margin": Method(
        "Quorum margin",
        "How many more voters may be lost, whichever they are, with the quorum kept, found by trying "
        "every set on the settled state of the model; the parts whose loss alone would end the quorum, "
        "with their failure rates.",
    ),
    "review": Method(
        "Design review",
        "Each rule is a check of the design against documented behaviour of the systems in it. An error "
        "does not work or loses data as it is; a warning works until a foreseeable thing happens; an info "
        "was checked and holds.",
    ),
    "asked": Method(
        "As asked",
        "What this plan was asked for, or counted in the design as it is written.",
    ),
}
"""By key."""
