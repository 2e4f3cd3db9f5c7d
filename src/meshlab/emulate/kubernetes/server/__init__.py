"""The API server: REST, identity, discovery, streams, watches."""
