"""Laws fitted to limits: ``narrowgauge laws suggest``."""
