"""The command line: one command per stage, and what a user asks by hand."""
