#!/usr/bin/env bash
# Snakemake runs this once in the new conda environment, from the workflow's working directory.
set -euo pipefail
python -m pip install --no-deps --no-build-isolation --editable .
