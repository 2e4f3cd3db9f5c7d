"""The first job: availability, latency, room, cost, designs explored, the report."""
