"""What runs on a node: the kubelet, its pods' status and mounts."""
