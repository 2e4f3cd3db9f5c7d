"""From what was seen to why: candidates, the simulator beside each, their ranking, the reasons."""
