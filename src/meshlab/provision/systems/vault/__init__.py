"""Vault: what its steps do, its part of the plans, how long they take, what is proven of it."""
