"""Members in time: clocks, disks and links around the pure member, and quiet stretches skipped."""
