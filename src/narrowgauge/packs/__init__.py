"""Packs: many models of one stage in one job, for models so small that a job each is a waste."""
