"""Secrets bundle, certificates and machine configuration are what Talos v1.13 makes and accepts."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from meshlab.live import yaml_text
from meshlab.live.talos import pki
from meshlab.live.talos.machine_config import machine_config
from meshlab.live.talos.secrets_bundle import SecretsBundle, SecretsBundleError
from meshlab.live.talos.settings import ClusterSettings, KubeSpanSettings, NodeSettings, UserVolume
from meshlab.live.talos.talosconfig import Talosconfig, TalosconfigError
from meshlab.live.talos.validation import ConfigError, validate

CLUSTER = ClusterSettings("reference", "https://10.20.1.11:6443")
CONTROL_PLANE = NodeSettings("controlplane", hostname="master-1")
WORKER = NodeSettings("worker", hostname="worker-1")


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.generate()


def test_authorities_have_the_key_kinds_and_names_of_talosctl(bundle: SecretsBundle) -> None:
    kinds = {
        "etcd": (bundle.etcd, ec.EllipticCurvePrivateKey, "BEGIN EC PRIVATE KEY", "O=etcd"),
        "kubernetes": (bundle.kubernetes, ec.EllipticCurvePrivateKey, "BEGIN EC PRIVATE KEY", "O=kubernetes"),
        "aggregator": (
            bundle.aggregator,
            ec.EllipticCurvePrivateKey,
            "BEGIN EC PRIVATE KEY",
            "CN=front-proxy",
        ),
        "os": (bundle.os, ed25519.Ed25519PrivateKey, "BEGIN ED25519 PRIVATE KEY", "O=talos"),
    }
    for authority, kind, label, subject in kinds.values():
        certificate = pki.load_certificate(authority.certificate)
        assert isinstance(pki.load_key(authority.key), kind)
        assert label in authority.key.reveal()
        assert certificate.subject.rfc4514_string() == subject
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert lifetime == pki.CA_LIFETIME + pki.BACKDATE


def test_service_account_key_is_rsa_4096_in_pkcs1(bundle: SecretsBundle) -> None:
    key = pki.load_key(bundle.service_account_key)
    assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == 4096
    assert bundle.service_account_key.reveal().startswith("-----BEGIN RSA PRIVATE KEY-----")


def test_tokens_and_ids_have_the_forms_of_talosctl(bundle: SecretsBundle) -> None:
    for token in (bundle.machine_token.reveal(), bundle.bootstrap_token.reveal()):
        first, last = token.split(".")
        assert (
            (len(first), len(last)) == (6, 16) and token.replace(".", "").isalnum() and token == token.lower()
        )
    assert len(base64.urlsafe_b64decode(bundle.cluster_id)) == 32
    assert len(base64.b64decode(bundle.cluster_secret.reveal(), validate=True)) == 32


def test_a_bundle_survives_writing_and_reading(bundle: SecretsBundle) -> None:
    assert SecretsBundle.from_yaml(bundle.to_yaml()) == bundle


def test_a_bundle_never_shows_its_secrets(bundle: SecretsBundle) -> None:
    shown = repr(bundle) + str(bundle) + repr(bundle.to_yaml())
    assert "PRIVATE KEY" not in shown and bundle.machine_token.reveal() not in shown


def test_a_bundle_with_a_missing_key_names_the_entry(bundle: SecretsBundle) -> None:
    document = yaml_text.load(bundle.to_yaml().reveal())
    del document["certs"]["os"]["key"]
    with pytest.raises(SecretsBundleError, match=r"certs\.os\.key"):
        SecretsBundle.from_yaml(yaml_text.dump(document))


def test_a_broken_key_is_refused_without_being_shown(bundle: SecretsBundle) -> None:
    document = yaml_text.load(bundle.to_yaml().reveal())
    document["certs"]["etcd"]["key"] = base64.b64encode(b"swordfish").decode()
    with pytest.raises(SecretsBundleError) as caught:
        SecretsBundle.from_yaml(yaml_text.dump(document))
    assert "certs.etcd.key" in str(caught.value) and "swordfish" not in str(caught.value)


def test_the_admin_certificate_is_client_only_with_its_role(bundle: SecretsBundle) -> None:
    admin = Talosconfig.issue(bundle, "reference", endpoints=["10.20.1.11"])
    certificate = pki.load_certificate(admin.certificate)
    assert pki.organizations(certificate) == ["os:admin"]
    assert pki.extended_usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string]
    assert isinstance(pki.load_key(admin.key), ed25519.Ed25519PrivateKey)
    assert Talosconfig.from_yaml(admin.to_yaml()) == admin


def test_an_unknown_context_names_those_there_are(bundle: SecretsBundle) -> None:
    text = Talosconfig.issue(bundle, "reference").to_yaml()
    with pytest.raises(TalosconfigError, match=r"no context 'prod'; there are \['reference'\]"):
        Talosconfig.from_yaml(text, "prod")


def test_a_worker_gets_no_ca_key_and_nothing_of_etcd(bundle: SecretsBundle) -> None:
    text = machine_config(bundle, CLUSTER, WORKER).reveal()
    main = yaml_text.load_all(text)[0]
    assert set(main["machine"]["ca"]) == {"crt"} and set(main["cluster"]["ca"]) == {"crt"}
    assert not {"etcd", "aggregatorCA", "serviceAccount", "secretboxEncryptionSecret", "apiServer"} & set(
        main["cluster"]
    )
    assert base64.b64encode(bundle.os.key.reveal().encode()).decode() not in text


def test_a_control_plane_configuration_fits_ec2_user_data(bundle: SecretsBundle) -> None:
    assert len(machine_config(bundle, CLUSTER, CONTROL_PLANE).reveal()) < 16 * 1024


def test_settings_arrive_in_the_right_documents(bundle: SecretsBundle) -> None:
    node = dataclasses.replace(
        WORKER,
        labels={"topology.kubernetes.io/zone": "dc-1"},
        user_volumes=(UserVolume("chain-data", min_size="1TB"),),
        extra_announced_endpoints=("192.0.2.7:51820",),
    )
    cluster = dataclasses.replace(CLUSTER, kubespan=KubeSpanSettings(mtu=1380))
    documents = yaml_text.load_all(machine_config(bundle, cluster, node).reveal())
    by_kind = {document.get("kind", "v1alpha1"): document for document in documents}
    assert by_kind["HostnameConfig"]["hostname"] == "worker-1"
    assert by_kind["KubeSpanConfig"] == {
        "apiVersion": "v1alpha1",
        "kind": "KubeSpanConfig",
        "enabled": True,
        "mtu": 1380,
    }
    assert by_kind["UserVolumeConfig"]["provisioning"]["diskSelector"]["match"].startswith("disk.transport")
    assert by_kind["KubeSpanEndpointsConfig"]["extraAnnouncedEndpoints"] == ["192.0.2.7:51820"]
    assert by_kind["v1alpha1"]["machine"]["nodeLabels"] == {"topology.kubernetes.io/zone": "dc-1"}


BROKEN = [
    ("machine.instal", {"instal": {"disk": "/dev/sda"}}, "did you mean install"),
    (
        "machine.features.hostDNS",
        {"features": {"hostDNS": {"forwardKubeDNSToHost": True}}},
        "needs hostDNS.enabled",
    ),
    ("machine.install.disk", {"install": {}}, "machine.install.disk"),
    (
        "kernel args",
        {"install": {"disk": "/dev/sda", "extraKernelArgs": ["a"], "grubUseUKICmdline": True}},
        "grubUseUKI",
    ),
    ("node-role label", {"nodeLabels": {"node-role.kubernetes.io/x": ""}}, "NodeRestriction"),
]


@pytest.mark.parametrize(("what", "change", "message"), BROKEN, ids=[case[0] for case in BROKEN])
def test_what_talos_refuses_is_refused(
    bundle: SecretsBundle, what: str, change: dict[str, object], message: str
) -> None:
    documents = yaml_text.load_all(machine_config(bundle, CLUSTER, WORKER).reveal())
    documents[0]["machine"].update(change)
    with pytest.raises(ConfigError, match=message):
        validate(yaml_text.dump_all(documents))


def test_a_worker_with_a_ca_key_is_refused(bundle: SecretsBundle) -> None:
    documents = yaml_text.load_all(machine_config(bundle, CLUSTER, CONTROL_PLANE).reveal())
    documents[0]["machine"]["type"] = "worker"
    with pytest.raises(ConfigError) as caught:
        validate(yaml_text.dump_all(documents))
    assert "machine.ca.key: must not be on a worker" in caught.value.problems
    assert "cluster.etcd: must not be on a worker" in caught.value.problems


def test_unknown_documents_and_doubles_are_refused(bundle: SecretsBundle) -> None:
    documents = yaml_text.load_all(machine_config(bundle, CLUSTER, WORKER).reveal())
    documents.append({"apiVersion": "v1alpha1", "kind": "KubespanEndpointsConfig"})
    documents.append(documents[1])
    with pytest.raises(ConfigError) as caught:
        validate(yaml_text.dump_all(documents))
    assert "did you mean KubeSpanEndpointsConfig" in str(caught.value) and "a second v1alpha1" in str(
        caught.value
    )


def test_a_mesh_without_discovery_and_a_small_mtu_are_refused(bundle: SecretsBundle) -> None:
    cluster = dataclasses.replace(CLUSTER, discovery=False, kubespan=KubeSpanSettings(mtu=1200))
    with pytest.raises(ConfigError) as caught:
        machine_config(bundle, cluster, WORKER)
    assert "KubeSpanConfig: needs cluster.discovery.enabled" in caught.value.problems
    assert "KubeSpanConfig.mtu: 1200 is below 1280" in caught.value.problems


def test_text_that_is_no_yaml_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        validate("token: [swordfish")
    assert "swordfish" not in str(caught.value)


def test_a_cloud_image_needs_no_install_disk(bundle: SecretsBundle) -> None:
    documents = yaml_text.load_all(machine_config(bundle, CLUSTER, WORKER).reveal())
    documents[0]["machine"]["install"] = {}
    assert validate(yaml_text.dump_all(documents), mode="cloud").role == "worker"
