"""The training loop that all trainings share: steps, checkpoints, averages of weights."""
