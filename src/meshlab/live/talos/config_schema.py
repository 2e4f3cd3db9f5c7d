"""The keys a Talos v1.13 machine configuration may have, as nested tables (facts: talos-omni-kubespan §4.1, §4.4).

A table maps each allowed key to what may stand below it: another table, a list with the table of its elements, or None
for "anything" (scalars, free maps, or structures of Kubernetes that Talos passes on unread).
"""

from __future__ import annotations

from typing import Any

Table = dict[str, Any]


def _keys(names: str, **nested: Any) -> Table:
    return dict.fromkeys(names.split()) | nested


_PAIR = _keys("crt key")
_DISK_SELECTOR = _keys("size name model serial modalias uuid wwid type busPath")
_FILTERS = _keys("endpoints excludeAdvertisedNetworks")
_KUBESPAN_KEYS = "enabled advertiseKubernetesNetworks allowDownPeerBypass harvestExtraEndpoints mtu"

MACHINE: Table = _keys(
    "type token certSANs pods sysctls sysfs env udev logging kernel seccompProfiles baseRuntimeSpecOverrides nodeLabels"
    " nodeAnnotations nodeTaints registries systemDiskEncryption disks",
    ca=_PAIR,
    acceptedCAs=[_keys("crt")],
    controlPlane=_keys("", controllerManager=_keys("disabled"), scheduler=_keys("disabled")),
    kubelet=_keys(
        "image clusterDNS extraArgs extraMounts extraConfig credentialProviderConfig registerWithFQDN"
        " defaultRuntimeSeccompProfileEnabled skipNodeRegistration disableManifestsDirectory",
        nodeIP=_keys("validSubnets"),
    ),
    network=_keys(
        "hostname interfaces nameservers searchDomains extraHostEntries disableSearchDomain",
        kubespan=_keys(_KUBESPAN_KEYS, filters=_FILTERS),
    ),
    install=_keys(
        "disk extraKernelArgs image extensions bootloader wipe legacyBIOSSupport grubUseUKICmdline",
        diskSelector=_DISK_SELECTOR,
    ),
    files=[_keys("content permissions path op")],
    time=_keys("disabled servers bootTimeout"),
    features=_keys(
        "rbac stableHostname apidCheckExtKeyUsage diskQuotaSupport nodeAddressSortAlgorithm",
        kubernetesTalosAPIAccess=_keys("enabled allowedRoles allowedKubernetesNamespaces"),
        kubePrism=_keys("enabled port"),
        hostDNS=_keys("enabled forwardKubeDNSToHost resolveMemberNames"),
        imageCache=_keys("localEnabled"),
    ),
)

CLUSTER: Table = _keys(
    "id secret clusterName token aescbcEncryptionSecret secretboxEncryptionSecret extraManifests extraManifestHeaders"
    " allowSchedulingOnControlPlanes",
    controlPlane=_keys("endpoint localAPIServerPort"),
    network=_keys(
        "dnsDomain podSubnets serviceSubnets",
        cni=_keys("name urls", flannel=_keys("extraArgs kubeNetworkPoliciesEnabled")),
    ),
    ca=_PAIR,
    acceptedCAs=[_keys("crt")],
    aggregatorCA=_PAIR,
    serviceAccount=_keys("key"),
    apiServer=_keys(
        "image extraArgs extraVolumes env certSANs disablePodSecurityPolicy admissionControl auditPolicy resources"
        " authorizationConfig"
    ),
    controllerManager=_keys("image extraArgs extraVolumes env resources"),
    proxy=_keys("disabled image mode extraArgs"),
    scheduler=_keys("image extraArgs extraVolumes env resources config"),
    discovery=_keys(
        "enabled", registries=_keys("", kubernetes=_keys("disabled"), service=_keys("disabled endpoint"))
    ),
    etcd=_keys("image extraArgs subnet advertisedSubnets listenSubnets", ca=_PAIR),
    coreDNS=_keys("disabled image"),
    externalCloudProvider=_keys("enabled manifests"),
    inlineManifests=[_keys("name contents")],
    adminKubeconfig=_keys("certLifetime"),
)

V1ALPHA1: Table = _keys("version debug persist", machine=MACHINE, cluster=CLUSTER)

_PROVISIONING = _keys("grow minSize maxSize", diskSelector=_keys("match"))
_ENCRYPTION = _keys("provider keys cipher keySize blockSize options")

KINDS: dict[str, Table | None] = {
    "HostnameConfig": _keys("auto hostname"),
    "KubeSpanConfig": _keys(_KUBESPAN_KEYS, filters=_FILTERS),
    "KubeSpanEndpointsConfig": _keys("extraAnnouncedEndpoints"),
    "UserVolumeConfig": _keys(
        "name volumeType",
        provisioning=_PROVISIONING,
        filesystem=_keys("type projectQuotaSupport"),
        encryption=_ENCRYPTION,
        mount=_keys("disableAccessTime secure"),
    ),
    "VolumeConfig": _keys("name", provisioning=_PROVISIONING, encryption=_ENCRYPTION, mount=None),
    "NetworkDefaultActionConfig": _keys("ingress"),
    "NetworkRuleConfig": _keys(
        "name", portSelector=_keys("ports protocol"), ingress=[_keys("subnet except")]
    ),
    "SideroLinkConfig": _keys("apiUrl uniqueToken"),
    "EventSinkConfig": _keys("endpoint"),
    "KmsgLogConfig": _keys("name url"),
    "ExtensionServiceConfig": _keys("name environment", configFiles=[_keys("content mountPath")]),
    "TrustedRootsConfig": _keys("name certificates"),
}
"""Documents whose keys are checked."""

OTHER_KINDS = frozenset(
    _keys(
        "LinkConfig DHCPv4Config DHCPv6Config ResolverConfig TimeSyncConfig StaticHostConfig RoutingRuleConfig"
        " BlackholeRouteConfig VRFConfig VLANConfig BondConfig BridgeConfig DummyLinkConfig WireguardConfig"
        " LinkAliasConfig EthernetConfig Layer2VIPConfig HCloudVIPConfig TCPProbeConfig RawVolumeConfig"
        " ExistingVolumeConfig ExternalVolumeConfig SwapVolumeConfig ZswapConfig EnvironmentConfig WatchdogTimerConfig"
        " OOMConfig ImageVerificationConfig RegistryMirrorConfig RegistryAuthConfig RegistryTLSConfig"
        " PCIDriverRebindConfig"
    )
)
"""Documents that Talos knows and meshlab neither writes nor reads: their content is not checked."""
