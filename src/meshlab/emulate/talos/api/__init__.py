"""The Talos API of one machine: a gRPC server with mTLS, one file per group of calls."""
