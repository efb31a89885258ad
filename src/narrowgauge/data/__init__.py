"""Data sets: reading them, splitting them, measuring their normalisation, and keeping them as artefacts."""
