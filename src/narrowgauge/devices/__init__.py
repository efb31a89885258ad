"""Measure networks on a device: the way there, the script that runs there, what came back."""
