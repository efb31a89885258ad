"""Training one network: batches, schedule, loop, checkpoints."""
