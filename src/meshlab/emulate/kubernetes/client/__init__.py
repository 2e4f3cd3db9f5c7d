"""Clients of the API server: calls, informers, leader leases."""
