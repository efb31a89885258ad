"""Images that stay on disk are those that are loaded into memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas.images import SCHEMA
from narrowgauge.data.examples import Examples
from narrowgauge.data.images import image_table, load_images
from narrowgauge.data.stored_images import StoredImages
from narrowgauge.errors import NarrowgaugeError


def store(path, count):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    examples = Examples(pixels, np.arange(count) % 10, np.arange(count), "noise")
    attributes = dict.fromkeys(SCHEMA.attributes) | {"classes": 10, "mean": [0.4] * 3, "std": [0.3] * 3}
    write(path, SCHEMA, image_table(examples), Provenance(stage="data", inputs={}), attributes)


def test_stored_images_are_the_loaded_ones(tmp_path):
    path = tmp_path / "images.parquet"
    store(path, 2500)  # more than two row groups
    loaded, stored = load_images(path), StoredImages(path, tmp_path / "scratch")
    assert len(stored) == 2500
    assert torch.equal(stored.labels, loaded.labels)
    assert stored.normalisation == loaded.normalisation
    assert stored.content_hash == loaded.content_hash
    for batch in (slice(0, 2500), slice(1000, 1064), slice(2499, 2500)):
        assert torch.equal(stored.pixels(batch), loaded.pixels(batch))
    assert not list((tmp_path / "scratch").iterdir()), "the file has no name"


def test_a_broken_artefact_is_refused(tmp_path):
    path = tmp_path / "images.parquet"
    store(path, 1100)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(NarrowgaugeError, match=r"images\.parquet is broken"):
        StoredImages(path, tmp_path)


PEAK = """
import sys
from pathlib import Path
from narrowgauge.data.stored_images import StoredImages
images = StoredImages(Path(sys.argv[1]), Path(sys.argv[1]).parent)
for start in range(0, len(images), 50):
    images.pixels(slice(start, start + 50))
# Not ru_maxrss, which begins with the peak of the process that started this one.
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    peaks = []
    for count in (1000, 12_000):
        store(tmp_path / "images.parquet", count)
        command = [sys.executable, "-c", PEAK, str(tmp_path / "images.parquet")]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    # 11,000 images are 32 MiB.
    assert peaks[1] - peaks[0] < 15_000  # KiB
