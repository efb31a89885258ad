"""The folded graph as the file that a device loads, and what that file computes on the host."""
