"""Many replicates of a scenario, over processes or a cluster, folded into a prediction."""
