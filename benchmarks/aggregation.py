"""Collecting a large experiment: time and peak memory of `narrowgauge aggregate`.

python benchmarks/aggregation.py [--models N]

N models (3,000), all 184 number formats each, four exported formats, one device. The artefacts are written first, by
the project's own writer, with made-up numbers.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import timing

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates, export, formats, images, measurements, selected, training
from narrowgauge.config.load import load, store_resolved
from narrowgauge.formats import ALL_FORMATS
from narrowgauge.layout import Layout

FORMATS = ["e8m23", "e5m10", "e8m7", "e4m3"]
SOURCE = Provenance(stage="none", inputs={}, parameters={})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=3000, help="trained models (default 3000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = _write_experiment(Path(folder), options.models)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "narrowgauge", "aggregate", "--config", config], cwd=folder, check=True)
        seconds = time.perf_counter() - start
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor, peak = child.ru_utime + child.ru_stime, child.ru_maxrss / 2**20
    print(timing.machine("pyarrow", "pandas"))
    print(f"{options.models} models, {options.models * len(ALL_FORMATS):,} rows")
    print(f"{seconds:.1f} s, {processor:.1f} s of a processor, {peak:.2f} GiB")


def _write_experiment(folder: Path, models: int) -> Path:
    archs = [f"mobilenetv2-s4-{number}" for number in range(models)]
    experiment = load(
        {
            "experiment": "many",
            "data": {"name": "digits"},
            "architectures": [{"space": "mobilenetv2", "law": "s4", "ids": f"0-{models - 1}"}],
            "formats": FORMATS,
            "calibration": {"enabled": False},
            "results": str(folder / "results"),
        }
    )
    layout = Layout(experiment.root)
    _store(layout.candidates, candidates, [{"arch": arch} for arch in archs])
    _store(layout.selected, selected, [{"arch": arch, "selected": True} for arch in archs])
    _store(layout.images("test"), images, [])
    swept = [
        {"format": f.name, "exponent_bits": f.exponent_bits, "mantissa_bits": f.mantissa_bits} for f in ALL_FORMATS
    ]
    # One model's artefacts, under the names of all.
    first = archs[0]
    _store(layout.training(first), training, [{"epoch": epoch} for epoch in range(60)])
    _store(layout.formats(first), formats, swept)
    for fmt in FORMATS:
        known = {"arch": first, "format": fmt, "resolved_format": fmt}
        _store(layout.export(first, fmt), export, [known])
        measured = {"device": "local", "samples_ms": [1.0] * 50, "labels": [1] * 200}
        _store(layout.measurements(first, fmt, "local"), measurements, [known | measured])
    origin = layout.training(first).parent
    for arch in archs[1:]:
        shutil.copytree(origin, origin.with_name(arch), copy_function=os.link)
    return store_resolved(experiment, folder)


def _store(path: Path, module: ModuleType, rows: list[dict[str, object]]) -> None:
    """Write an artefact whose rows and attributes have some value wherever one is needed."""
    schema = module.SCHEMA
    blank = {column.name: None if column.nullable else _value(column.type) for column in schema.columns}
    write(path, schema, [blank | row for row in rows], SOURCE, dict.fromkeys(schema.attributes, ""))


def _value(kind: pa.DataType) -> object:
    if pa.types.is_fixed_size_binary(kind):
        return bytes(kind.byte_width)
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        return []
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ""
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return b""
    return False if pa.types.is_boolean(kind) else 1


if __name__ == "__main__":
    main()
