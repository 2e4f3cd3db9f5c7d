"""Walking a plan: the runner process, the executor, attempts and how their outcomes are resolved."""
