"""What breaks and when: the Scenario, its file, and the checks that it must pass."""
