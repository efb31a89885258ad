"""One module per kind of artefact, each with a constant ``SCHEMA``."""
