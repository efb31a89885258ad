"""The experiment config: typed sections that are defaults, schema and documentation at once."""
