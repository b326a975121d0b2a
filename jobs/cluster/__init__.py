"""Commands that hand a run to a cluster and look after it."""
