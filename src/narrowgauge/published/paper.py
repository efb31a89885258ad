"""What the paper states: Scheidegger, Benini, Bekas, Malossi (NeurIPS 2019), and the marks of its release in artefacts.

The accuracies are those of the paper's abstract: an established model for small devices, and the best models found
within the same memory in single precision, in half precision, and in the format that suits each model best.
"""

FLOAT, HALF, BEST = "e8m23", "e5m10", "best"

SOURCE = "CIFAR-10; accuracy and latency as published with the release IBM/iotnets"
RUNTIME = "as published"
TEST_IMAGES = 10_000

ESTABLISHED = "established model"
ACCURACY = {ESTABLISHED: 0.7064, FLOAT: 0.7487, HALF: 0.8207, BEST: 0.8345}
"""Test accuracy on CIFAR-10 within one memory limit."""

MEMORY_KIB = 32
"""That limit, in KiB of weights."""

WEIGHTS_KIB = (8, 16, 32, 64, 128, 256, 512, 1024)
TIMES_MS = (10, 20, 50, 100, 200)
"""The limits of the paper's tables."""
