"""narrowgauge: find the best small neural network for a device you can reach over SSH."""
