"""The training loop that every course shares: steps, checkpoints, averages of weights."""
