"""Results of a session that are on the host already, so that nothing is measured twice after a job died."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.content_hash import canonical_json
from narrowgauge.devices.result import DeviceFacts, Failure, Success


class Saved(BaseModel):
    """A result, and what the device said of itself."""

    model_config = ConfigDict(strict=True, frozen=True)

    device: DeviceFacts
    result: Success | Failure


class SavedResults:
    """A file per result, named after everything that the result depends on."""

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        """Use a folder.

        Args:
            folder: made if need be.
            identity: what all results of the session depend on: settings, images, code version.
        """
        self._folder = folder
        self._identity = identity

    def load(self, **identity: Any) -> Saved | None:
        """The result of a network, if it is there and whole."""
        try:
            return Saved.model_validate_json(self._path(identity).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def save(self, saved: Saved, **identity: Any) -> None:
        """Write the result of a network; it is on disk when this returns."""
        write_bytes(self._path(identity), saved.model_dump_json().encode())

    def forget(self, identities: Iterable[dict[str, Any]]) -> None:
        """Delete results that are in an artefact by now."""
        for identity in identities:
            self._path(identity).unlink(missing_ok=True)

    def _path(self, identity: dict[str, Any]) -> Path:
        return self._folder / f"{hashlib.sha256(canonical_json(self._identity | identity)).hexdigest()}.json"
