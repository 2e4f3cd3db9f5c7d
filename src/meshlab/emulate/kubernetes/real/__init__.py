"""A real kube-apiserver in place of the stand-in, and its way to nodes and pods."""
