"""Omni: the resources, calls and machine life cycle of the service, for the calls we use."""
