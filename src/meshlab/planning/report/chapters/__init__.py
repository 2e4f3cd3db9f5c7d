"""The chapters of the plan, one file each."""
