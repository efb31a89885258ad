"""A graph as a torch module: trainable, or folded as it is deployed."""
