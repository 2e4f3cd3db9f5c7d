"""The strongbox: the cluster's own secrets, made at the beginning and put aside at the end."""
