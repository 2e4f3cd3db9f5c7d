"""The control loops of kube-controller-manager and kube-scheduler, one file per idea."""
