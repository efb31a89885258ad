"""One module per stage: artefacts in, artefacts out. What the rules call through the command line."""
