"""Signatures of requests to Omni, and cluster templates."""

from __future__ import annotations

import pytest

from meshlab.live.omni import resources as types
from meshlab.live.omni import template
from meshlab.live.omni.signature import InvalidSignature, OmniKeyError, ServiceAccount, verify
from meshlab.live.talos.patch import patched

METHOD = "/cosi.resource.State/Get"
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def account() -> ServiceAccount:
    return ServiceAccount.generate("meshlab")


def test_a_signed_call_is_verified(account: ServiceAccount) -> None:
    metadata = [("cluster", "reference"), *account.sign(METHOD, [("cluster", "reference")], now=NOW)]
    assert verify(METHOD, metadata, {account.identity: account.public_key}, now=NOW + 299) == account.identity


def test_a_key_survives_the_environment(account: ServiceAccount) -> None:
    again = ServiceAccount.from_environment_value(account.environment_value())
    assert again == account and "PRIVATE" not in repr(again)
    with pytest.raises(OmniKeyError):
        ServiceAccount.from_environment_value("nonsense")


CHANGES = ["another method", "too old", "a changed header", "another key", "a changed payload", "none"]


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_not_signed_so_is_refused(account: ServiceAccount, change: str) -> None:
    keys = {account.identity: account.public_key}
    signed = account.sign(METHOD, [("cluster", "reference")], now=NOW)
    metadata, method, now = [("cluster", "reference"), *signed], METHOD, NOW
    if change == "another method":
        method = "/cosi.resource.State/Destroy"
    elif change == "too old":
        now += 301
    elif change == "a changed header":
        metadata[0] = ("cluster", "production")
    elif change == "another key":
        keys = {account.identity: ServiceAccount.generate("meshlab").public_key}
    elif change == "a changed payload":
        metadata = [(k, v + " " if k == "x-sidero-payload" else v) for k, v in metadata]
    else:
        metadata = metadata[:1]
    with pytest.raises(InvalidSignature, match="invalid signature"):
        verify(method, metadata, keys, now=now)


GOOD = """
kind: Cluster
name: c
kubernetes: {version: v1.36.3}
talos: {version: v1.13.9}
---
kind: ControlPlane
machines: [u1, u2, u3]
---
kind: Workers
machines: [u4]
"""


def test_a_template_becomes_resources_with_omnis_ids() -> None:
    wanted = template.read(GOOD)
    ids = [(item.kind.plural, item.id) for item in wanted]
    assert ids[:2] == [("Clusters", "c"), ("MachineSets", "c-control-planes")]
    assert ("MachineSets", "c-workers") in ids and ("MachineSetNodes", "u4") in ids
    assert wanted[0].spec.talos_version == "1.13.9"
    assert types.LABEL_CONTROL_PLANE in wanted[2].labels


def test_every_fault_of_a_template_is_named() -> None:
    broken = (
        GOOD.replace("name: c\n", "name: c!\nkubernets: {}\n").replace("[u4]", "[u1]")
        + "---\nkind: ControlPlane\n"
    )
    with pytest.raises(template.TemplateError) as caught:
        template.read(broken)
    text = str(caught.value)
    for part in (
        "kubernets",
        "exactly one ControlPlane",
        "machine u1 is in ControlPlane and in Workers",
        "name 'c!'",
    ):
        assert part in text


def test_patches_merge_maps_append_lists_and_replace_subnets() -> None:
    base = "version: v1alpha1\nmachine: {certSANs: [a], type: worker}\ncluster: {network: {podSubnets: [10.0.0.0/8]}}\n"
    patch = "machine: {certSANs: [b], type: null}\ncluster: {network: {podSubnets: [10.1.0.0/16]}}\n"
    document = "apiVersion: v1alpha1\nkind: KubeSpanConfig\nenabled: true\n"
    from meshlab.live import yaml_text

    main, mesh = yaml_text.load_all(patched(base, [patch, document]))
    assert main["machine"]["certSANs"] == ["a", "b"]
    assert main["cluster"]["network"]["podSubnets"] == ["10.1.0.0/16"]
    assert mesh["kind"] == "KubeSpanConfig"
