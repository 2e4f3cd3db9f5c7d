"""Pictures in matplotlib: timelines, curves, fronts, the figures of reports."""
