"""The Kubernetes stand-in: an API server on real etcd, the controllers, and a kubelet per machine.

Parts: ``apiserver`` (REST over mTLS, driven by the published OpenAPI schemas), ``controllers`` (scheduler,
workloads, volumes,
node lifecycle, …), ``kubelet`` and ``client`` (how the last two talk to any Kubernetes API, emulated or real).
"""
