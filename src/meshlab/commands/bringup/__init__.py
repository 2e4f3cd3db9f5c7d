"""The second job: plan, apply, destroy, drift, hold."""
