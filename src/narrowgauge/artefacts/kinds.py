"""Which schema an artefact has, by what it says of itself."""

import importlib
from pathlib import Path

from narrowgauge.artefacts.files import read_header
from narrowgauge.artefacts.schema import Schema
from narrowgauge.errors import NarrowgaugeError


def schema_of(path: Path) -> Schema:
    """The schema of the kind that the file names; NarrowgaugeError if there is no such kind."""
    kind = read_header(path)["kind"]
    module = f"narrowgauge.artefacts.schemas.{kind}"
    try:
        schema: Schema = importlib.import_module(module).SCHEMA
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise NarrowgaugeError(f"{path} holds {kind!r}, which this version of narrowgauge does not know") from error
    return schema
