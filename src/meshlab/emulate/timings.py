"""How long emulated machines take for what real ones do; every duration of the Talos stand-in is here."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class KubeSpanTimings:
    """Constants of KubeSpan and WireGuard in seconds, as Talos has them (facts: talos-omni-kubespan §3.2, §3.4).

    Attributes
    ----------
    tick_s
        How often peers are looked at.
    peer_down_s
        Since the last handshake, after which an established peer is down.
    endpoint_timeout_s
        A new endpoint without a handshake is given up after this.
    rekey_s
        A session is renewed after this.
    handshake_retry_s
        WireGuard tries a handshake again after this.
    """

    tick_s: float = 30.0
    peer_down_s: float = 275.0
    endpoint_timeout_s: float = 15.0
    rekey_s: float = 120.0
    handshake_retry_s: float = 5.0

    def scaled(self, factor: float) -> KubeSpanTimings:
        """Give the same with every constant multiplied."""
        return KubeSpanTimings(**{part.name: getattr(self, part.name) * factor for part in fields(self)})


@dataclass(frozen=True)
class Timings:
    """Durations of emulated machines in seconds. The defaults suit a laptop; :meth:`faithful` has a real machine's.

    Attributes
    ----------
    boot_s, install_s, shutdown_s
        From power or reset to the API; writing the image to disk; from the request to silence.
    service_s
        A service's way from Preparing to Running.
    etcd_join_retry_s, etcd_promote_retry_s
        Between attempts to join as a learner, and to be promoted.
    etcd_health_period_s
        How often etcd's health is looked at (by a quorum read).
    etcd_leave_deadline_s
        How long a graceful reset tries to leave etcd.
    trustd_retry_s
        A worker asks a control plane for its certificate again after this.
    proxy_timeout_s
        How long a machine waits for another one that it forwards a call to.
    discovery_ttl_s, discovery_refresh_s
        Life of an entry of the discovery service, and how often a machine renews its own.
    omni_poll_s
        How often the emulated Omni looks at its machines.
    """

    boot_s: float = 1.0
    install_s: float = 1.0
    shutdown_s: float = 0.3
    service_s: float = 0.05
    etcd_join_retry_s: float = 0.5
    etcd_promote_retry_s: float = 0.5
    etcd_health_period_s: float = 1.0
    etcd_leave_deadline_s: float = 15.0
    trustd_retry_s: float = 0.5
    proxy_timeout_s: float = 3.0
    discovery_ttl_s: float = 1800.0
    discovery_refresh_s: float = 900.0
    omni_poll_s: float = 0.5
    kubespan: KubeSpanTimings = field(default_factory=lambda: KubeSpanTimings().scaled(0.1))

    @classmethod
    def faithful(cls) -> Timings:
        """Give the durations of Talos 1.13 on a cloud machine (facts: §3.2, §5.3; boot and install are assumptions)."""
        return cls(
            boot_s=60.0,
            install_s=90.0,
            shutdown_s=10.0,
            service_s=1.0,
            etcd_join_retry_s=3.0,
            etcd_promote_retry_s=15.0,
            etcd_health_period_s=20.0,
            etcd_leave_deadline_s=300.0,
            trustd_retry_s=5.0,
            proxy_timeout_s=20.0,
            omni_poll_s=5.0,
            kubespan=KubeSpanTimings(),
        )
