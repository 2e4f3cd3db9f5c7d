"""KubeSpan: identities, peers, their handshakes, and the discovery service that introduces them."""
