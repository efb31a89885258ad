"""What sweeps have found of a network, kept as one small file outside of the declared outputs."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas.sweep_results import SCHEMA
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import Format, parse_format
from narrowgauge.quantization.sweep import FormatResult


class KnownResults:
    """Results by split and format, in a file named after everything that they depend on.

    A sweep that was killed goes on from it, and one for which other formats are listed, or that chooses the best one
    otherwise, measures only what is missing. Results that can not be used any more are deleted.

    Args:
        folder: where it is kept, and nothing of other networks.
        provenance: of the results; those with other inputs, parameters or code are never found.
        arithmetic: the library and the processor that form sums in an order of their own; results of others would be
            compared with these, and are never found either.
    """

    def __init__(self, folder: Path, provenance: Provenance, arithmetic: str) -> None:
        text = json.dumps([asdict(provenance), arithmetic], sort_keys=True)
        self._path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.parquet"
        self._provenance = provenance
        self._results = self._load()
        for outdated in set(folder.glob("*.parquet")) - {self._path}:
            outdated.unlink(missing_ok=True)

    def of(self, split: str) -> dict[Format, FormatResult]:
        """What is known of a split."""
        return {fmt: result for (name, fmt), result in self._results.items() if name == split}

    def add(self, split: str, results: Iterable[FormatResult]) -> None:
        """Store more results, in one step."""
        self._results |= {(split, result.format): result for result in results}
        write(self._path, SCHEMA, [_row(name, result) for (name, _), result in self._results.items()], self._provenance)

    def _load(self) -> dict[tuple[str, Format], FormatResult]:
        if not self._path.exists():
            return {}
        try:
            rows = read(self._path, SCHEMA).rows()
        except NarrowgaugeError as error:
            print(f"starting anew: {error}", flush=True)
            return {}
        return {(row["split"], parse_format(row["format"])): _result(row) for row in rows}


def _row(split: str, result: FormatResult) -> dict[str, Any]:
    source = result.inferred_from
    return {
        "split": split,
        "format": result.format.name,
        "images": result.images,
        "right": result.right,
        "inferred_images": result.inferred_images,
        "inferred_from": source.name if source else None,
    }


def _result(row: Mapping[str, Any]) -> FormatResult:
    source = row["inferred_from"]
    return FormatResult(
        format=parse_format(row["format"]),
        images=row["images"],
        right=row["right"],
        inferred_images=row["inferred_images"],
        inferred_from=parse_format(source) if source else None,
    )
