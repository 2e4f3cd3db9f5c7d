"""What belongs to one cluster on one target: its journal, secrets, lease, approval and connections."""
