"""The sound documents that the fuzzer spoils, by format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent
DATA = TESTS.parent / "data"

SMALL_SPEC = """\
meshlab: v1
name: small
versions: {talos: v1.13.9, kubernetes: v1.36.3}
networks: {pods: 10.244.0.0/16, services: 10.96.0.0/12, endpoint: "https://k8s.small.example:6443"}
sites:
  - name: cloud
    place: aws-region
    region: us-east-1
    network: 10.20.0.0/16
    fails: 0.1/y
    repair: {median: 1h, sigma: 1}
    zones:
      - {name: zone-a, zone-id: use1-az1, subnet: 10.20.1.0/24}
      - {name: zone-b, zone-id: use1-az2, subnet: 10.20.2.0/24, fails: 0.2/y, fails-between: [0.1/y, 0.3/y]}
  - {name: dc, network: 10.40.0.0/24}
machines:
  - &master
    name: master-1
    role: control-plane
    zone: zone-a
    address: 10.20.1.11
    cores: 4
    memory: 16GiB
    fails: 0.5/y
    repair: {mean: 4h, shape: 2}
    disks:
      - {name: xvda, size: 100GiB, medium: gp3, system: true}
      - {name: xvdb, size: 50GiB, fsync: {low: 1ms, high: 2ms}}
  - {<<: *master, name: master-2, zone: zone-b, address: 10.20.2.11}
  - {<<: *master, name: master-3, zone: zone-b, address: 10.20.2.12}
  - {name: worker-1, role: worker, site: dc, address: 10.40.0.11, nat: true, boot: {low: 1m, mode: 2m, high: 5m}}
links:
  - {between: [zone-a, zone-b], latency: 0.4ms, bandwidth: 10Gbps}
  - {between: [cloud, dc], latency: {median: 4ms, sigma: 0.2}, loss: 0.1%, mtu: 1500}
overlay: {discovery: discovery, mtu: 1420}
discovery: {endpoint: https://discovery.talos.dev/}
orchestrator: {endpoint: https://small.omni.siderolabs.io, hosted: saas, monthly-cost: 10}
raft-groups:
  - {name: etcd, engine: etcd, voters: [master-1, master-2, master-3], heartbeat: 100ms, election: 1s}
services:
  - {name: kubernetes-api, role: api, members: [master-1, master-2, master-3], needs: [etcd]}
workloads:
  - {name: tron, role: tron, machines: [worker-1], storage: 100GiB, cores: 2, memory: 4GiB}
groups:
  - {name: control-plane, technology: pool, machines: [master-1, master-2, master-3]}
firewalls:
  - name: masters
    machines: [master-1, master-2, master-3]
    rules:
      - {protocol: tcp, ports: 6443, sources: [10.20.0.0/16], reason: the API}
      - {protocol: udp, ports: 51820-51821, sources: [0.0.0.0/0]}
"""

SCENARIO = """\
name: many-things
horizon: 20m
leaders: {etcd: master-1}
faults:
  - {at: 1m, fail: master-2, for: 3m}
  - {at: 2m, partition: [[us-east-1a], [dc-1, us-east-1b]], direction: both, for: 90s}
  - {at: 6m, degrade: [us-east-1, dc-1], latency: +50ms, loss: 2%, for: 1m}
  - {at: 9m, restart: worker-1}
  - {at: 10m, lose-disk: worker-2, for: 2m}
  - {at: 13m, pause: master-3, for: 20s}
  - {at: 15m, halt: solana, for: 1m}
"""

OPEN_PSA = """\
<?xml version="1.0" encoding="UTF-8"?>
<opsa-mef>
  <define-fault-tree name="plant">
    <define-gate name="top"><or><gate name="pumps"/><gate name="power"/><house-event name="open"/></or></define-gate>
    <define-gate name="pumps"><label>both</label>
      <atleast min="2"><basic-event name="a"/><basic-event name="b"/><basic-event name="c"/></atleast>
    </define-gate>
    <define-gate name="power"><and><not><basic-event name="d"/></not>
      <nand><basic-event name="e"/><basic-event name="a"/></nand>
      <xor><basic-event name="b"/><basic-event name="f"/></xor></and></define-gate>
    <define-gate name="odd"><cardinality min="1" max="2"><event name="a" type="basic-event"/><basic-event name="e"/>
      <imply><basic-event name="c"/><basic-event name="d"/></imply></cardinality></define-gate>
    <define-gate name="all"><iff><gate name="top"/><gate name="odd"/></iff></define-gate>
  </define-fault-tree>
  <model-data>
    <define-basic-event name="a"><float value="0.1"/></define-basic-event>
    <define-basic-event name="b">
      <exponential><parameter name="rate"/><float value="8760"/></exponential>
    </define-basic-event>
    <define-basic-event name="c">
      <lognormal-deviate><float value="1e-3"/><float value="3"/><float value="0.95"/></lognormal-deviate>
    </define-basic-event>
    <define-basic-event name="d"><mul><float value="0.5"/><parameter name="share"/></mul></define-basic-event>
    <define-basic-event name="e"><sub><int value="1"/><float value="0.9"/></sub></define-basic-event>
    <define-basic-event name="f">
      <div><float value="1e-2"/><add><int value="1"/><int value="1"/></add></div>
    </define-basic-event>
    <define-house-event name="open"><constant value="false"/></define-house-event>
    <define-parameter name="rate"><float value="1e-6"/></define-parameter>
    <define-parameter name="share"><parameter name="half"/></define-parameter>
    <define-parameter name="half"><neg><float value="-0.5"/></neg></define-parameter>
  </model-data>
</opsa-mef>
"""

DRAWING = """\
%% a comment
flowchart TD
    omni["Omni (SaaS)<br/>https://small.omni.siderolabs.io"]
    subgraph aws["AWS us-east-1"]
        subgraph masters["Control plane (ASG)"]
            m1["master-1<br/>us-east-1a, etcd, vault"] & m2["master-2<br/>us-east-1b, etcd, vault"]
            m3(["master-3<br/>us-east-1c, etcd, vault"])
        end
    end
    subgraph dc["Bare metal dc-1"]
        w1[(worker-1<br/>solana)]
        w2{{"worker-2<br/>ethereum; tron"}}
    end
    mesh(("KubeSpan"))
    m1 <-->|etcd quorum| m2 --> m3
    m1 -. wireguard .-> mesh
    w1 -->|"link 12 ms"| mesh; w2 --> mesh
    omni --> m1
    classDef big fill:#fff
"""

TARGET = json.dumps(
    {
        "name": "mine",
        "directory": "somewhere",
        "region": "us-east-1",
        "aws_endpoint": "http://127.0.0.1:5000",
        "aws_profile": "",
        "dial_rules": [{"source": "10.0.0.0/8", "to": "127.0.0.0/8"}],
        "patience": {"poll": 0.25, "call": 10.0, "chains_ready": 120},
        "omni_endpoint": "https://127.0.0.1:8443",
    },
    indent=1,
)


@cache
def incident() -> dict[str, str]:
    """The files of an incident's folder, by name."""
    from meshlab.model.spec import data_file

    row = {
        "t_lo": 1790000010.0,
        "t_hi": 1790000012.0,
        "raw": "2026-09-21T14:13:31Z",
        "clock": "master-2",
        "component": "master-2",
        "kind": "election",
        "severity": "notice",
        "actor": "etcd",
        "text": "master-2: became leader",
        "keys": {"term": 3},
        "source": "logs/etcd-master-2.log",
        "line": 1,
    }
    timeline = {
        "origin": "observed",
        "horizon_s": 60.0,
        "epoch": 1790000000.0,
        "intervals": [
            {"component": "master-1", "state": "up", "start_s": 0.0, "end_s": 10.0},
            {
                "component": "master-1",
                "state": "unreachable",
                "start_s": 10.0,
                "end_s": 60.0,
                "cause": "silent",
                "evidence": ["samples.jsonl:4"],
                "uncertainty_s": 0.5,
            },
            {"component": "etcd", "state": "up", "start_s": 0.0, "end_s": 11.0},
            {
                "component": "etcd",
                "state": "no-leader",
                "start_s": 11.0,
                "end_s": 12.5,
                "cause": "master-1 is silent",
            },
            {"component": "etcd", "state": "degraded", "start_s": 12.5, "end_s": 60.0},
        ],
        "events": [
            {"time_s": 0.0, "component": "etcd", "text": "master-1 leads", "kind": "leader", "evidence": []},
            {"time_s": 12.5, "component": "etcd", "text": "master-2 leads in term 3", "kind": "election"},
        ],
        "series": [
            {
                "component": "etcd",
                "quantity": "raft term",
                "unit": "",
                "times_s": [1.0, 20.0],
                "values": [2.0, 3.0],
            }
        ],
        "notes": ["seen by asking every 0.5 s"],
    }
    return {
        "incident.json": json.dumps(
            {
                "format": "meshlab-incident-1",
                "name": "night",
                "not_collected": [],
                "about": {"profile": "embedded"},
            }
        ),
        "timeline.json": json.dumps(timeline, indent=1),
        "topology.yaml": data_file("reference.yaml").read_text(encoding="utf-8"),
        "notes.md": "paged at 03:12\n",
        "rows.jsonl": json.dumps(row) + "\n" + json.dumps(row | {"line": 2}) + "\n",
    }


@cache
def documents() -> Mapping[str, tuple[str, ...]]:
    """Gives the sound documents of each format; of an incident the names of its files."""
    scenarios = tuple(
        path.read_text(encoding="utf-8") for path in sorted((DATA / "scenarios").glob("*.yaml"))
    )
    return {
        "spec": (SMALL_SPEC, SMALL_SPEC, (DATA / "reference.yaml").read_text(encoding="utf-8")),
        "scenario": (SCENARIO, *scenarios),
        "open-psa": (OPEN_PSA,),
        "drawing": (DRAWING, (TESTS / "data" / "design.md").read_text(encoding="utf-8")),
        "incident": (
            "timeline.json",
            "timeline.json",
            "incident.json",
            "rows.jsonl",
            "notes.md",
            "topology.yaml",
        ),
        "target": (TARGET,),
    }
