"""Where objects are kept: etcd, the cache of watches, the registry that admits and writes them."""
