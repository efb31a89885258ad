"""The writer and the reader: what is written is read, what is broken is refused, and nothing is left half-written."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.artefacts import atomic
from narrowgauge.artefacts.check import damaged, set_aside
from narrowgauge.artefacts.content_hash import content_hash
from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schema import Column, Schema
from narrowgauge.artefacts.schemas import weights
from narrowgauge.artefacts.show import describe_file
from narrowgauge.artefacts.tensors import tensor_rows, tensors_of
from narrowgauge.errors import NarrowgaugeError

SCHEMA = Schema(
    kind="test",
    version=3,
    doc="Rows of a test.",
    columns=(
        Column("name", pa.string(), "key"),
        Column("number", pa.float64(), "a number", nullable=True),
        Column("counts", pa.map_(pa.string(), pa.int64()), "a map", nullable=True),
        Column("samples", pa.list_(pa.float64()), "timings", nullable=True, volatile=True),
    ),
    sort_by=("name",),
    attributes={"origin": "where from"},
)
PROVENANCE = Provenance("sample", {"config": "abc"}, {"epochs": 3}, seed=7, code_version="c0de")
WEIGHTS = {"arch": "a", "graph": "[]", "status": "trained", "classes": 10, "mean": [0.5], "std": [0.25]}

rows_strategy = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=5),
            "number": st.none() | st.floats(),
            "counts": st.none()
            | st.dictionaries(st.text(max_size=3), st.integers(-9, 9), max_size=3).map(
                lambda counts: sorted(counts.items())
            ),
            "samples": st.none() | st.lists(st.none() | st.floats(allow_nan=False), max_size=3),
        }
    ),
    max_size=6,
    unique_by=lambda row: row["name"],
)


def row(name, number=1.0, samples=(0.5,)):
    return {"name": name, "number": number, "counts": [("conv", 2)], "samples": list(samples)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "file.parquet"


def test_what_is_written_is_read(path):
    digest = write(path, SCHEMA, [row("b"), row("a")], PROVENANCE, {"origin": "here"})
    artefact = read(path, SCHEMA)
    assert artefact.rows() == [row("a"), row("b")]
    assert artefact.provenance == PROVENANCE
    assert artefact.attributes == {"origin": "here"}
    assert artefact.content_hash == digest


def test_other_programs_read_it(path):
    write(path, SCHEMA, [row("b"), row("a")], PROVENANCE, {"origin": "here"})
    assert list(pd.read_parquet(path)["name"]) == ["a", "b"]
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


@settings(max_examples=50, deadline=None)
@given(rows=rows_strategy, order=st.randoms())
def test_content_hash_depends_on_values_alone(tmp_path_factory, rows, order):
    folder = tmp_path_factory.mktemp("hash")
    shuffled = [{**entry, "samples": [9.0]} for entry in rows]
    order.shuffle(shuffled)
    first = write(folder / "a.parquet", SCHEMA, rows, PROVENANCE, {"origin": "x"})
    second = write(folder / "b.parquet", SCHEMA, shuffled, Provenance("other", {}), {"origin": "x"})
    assert first == second
    assert read(folder / "a.parquet", SCHEMA).content_hash == first
    # In how many pieces Arrow holds the rows is not content.
    table = read(folder / "a.parquet", SCHEMA).table
    pieces = pa.concat_tables([table.slice(i, 1) for i in range(len(rows))]) if rows else table
    assert content_hash(SCHEMA, pieces, {"origin": "x"}) == first


@pytest.mark.parametrize(
    "changed",
    [
        [row("a"), row("c")],
        [row("a")],
        [row("a"), row("b", number=1.0000000001)],
        [row("a"), row("b", number=None)],
        [row("a"), row("b", number=0.0)],
        [row("a"), row("b") | {"counts": [("conv", 3)]}],
        [row("a"), row("b") | {"counts": None}],
    ],
)
def test_content_hash_sees_every_change(tmp_path, changed):
    first = write(tmp_path / "a.parquet", SCHEMA, [row("a"), row("b")], PROVENANCE, {"origin": "x"})
    assert write(tmp_path / "b.parquet", SCHEMA, changed, PROVENANCE, {"origin": "x"}) != first
    assert write(tmp_path / "c.parquet", SCHEMA, [row("a"), row("b")], PROVENANCE, {"origin": "y"}) != first


@pytest.mark.parametrize(
    "rows",
    [
        [{"name": "a"}],
        [row("a") | {"more": 1}],
        [row("a"), row("a")],
        [row(None)],
    ],
)
def test_rows_that_do_not_fit_are_refused(path, rows):
    with pytest.raises(ValueError, match=r"."):
        write(path, SCHEMA, rows, PROVENANCE, {"origin": "x"})
    assert not path.exists()


def test_a_part_can_be_read(path):
    write(path, SCHEMA, [row(str(i)) for i in range(3000)], PROVENANCE, {"origin": "x"})
    artefact = read(path, SCHEMA, columns=["name"], where=pa.compute.field("name") == "1234")
    assert artefact.rows() == [{"name": "1234"}]


tensors_strategy = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.tuples(
        st.sampled_from(["float32", "float64", "uint8", "int64", "int32"]), st.lists(st.integers(0, 3), max_size=4)
    ),
    max_size=4,
)


@settings(max_examples=30, deadline=None)
@given(shapes=tensors_strategy, seed=st.integers(0, 99))
def test_tensors_come_back_bit_for_bit_and_in_order(tmp_path_factory, shapes, seed):
    generator = np.random.default_rng(seed)
    tensors = {
        name: generator.integers(0, 256, [*shape, np.dtype(dtype).itemsize], np.uint8).view(dtype).reshape(shape)
        for name, (dtype, shape) in shapes.items()
    }
    path = tmp_path_factory.mktemp("tensors") / "weights.parquet"
    write(path, weights.SCHEMA, tensor_rows(tensors), PROVENANCE, WEIGHTS)
    back = tensors_of(read(path, weights.SCHEMA))
    assert list(back) == list(tensors)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        assert back[name].tobytes() == tensor.tobytes()


def written_weights(path):
    tensors = {"conv1.weight": np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)}
    write(path, weights.SCHEMA, tensor_rows(tensors), PROVENANCE, WEIGHTS)
    return path.read_bytes()


def test_every_cut_is_refused(path):
    data = written_weights(path)
    for length in [*range(0, len(data), 37), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(NarrowgaugeError, match=r"file\.parquet"):
            read(path, weights.SCHEMA)


def test_a_flipped_byte_is_refused_or_changes_nothing(path):
    data = written_weights(path)
    expected = read(path, weights.SCHEMA)
    refused = 0
    for position in range(0, len(data), 5):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :])
        try:
            artefact = read(path, weights.SCHEMA)
        except NarrowgaugeError:
            refused += 1
        else:  # padding, or a name that only tells who wrote the file
            assert artefact.table == expected.table
            assert artefact.attributes == expected.attributes
    assert refused > len(data) / 5 / 3


def test_what_is_no_such_artefact_is_named(tmp_path):
    foreign = tmp_path / "foreign.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(foreign)
    other = tmp_path / "other.parquet"
    write(other, SCHEMA, [row("a")], PROVENANCE, {"origin": "x"})
    older = replace(SCHEMA, version=2)
    cases = [
        (foreign, SCHEMA, "no artefact"),
        (other, weights.SCHEMA, "holds test"),
        (other, older, "version 3"),
        (tmp_path / "missing.parquet", SCHEMA, "missing"),
    ]
    for path, schema, words in cases:
        with pytest.raises(NarrowgaugeError, match=words) as caught:
            read(path, schema)
        assert str(path) in str(caught.value)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import weights
from narrowgauge.artefacts.tensors import tensor_rows
attributes = {"arch": "a", "graph": "[]", "status": "trained", "classes": 10, "mean": [0.5], "std": [0.25]}
print("ready", flush=True)
for value in range(100_000):
    tensors = {"a": np.full(200_000, value, np.float32)}
    write(Path(sys.argv[1]), weights.SCHEMA, tensor_rows(tensors), Provenance("train", {}), attributes)
    print("written", flush=True)
"""


def test_a_killed_writer_leaves_a_whole_file_or_none(path):
    for attempt in range(4):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        # Killed in its first write, and somewhere in a later one: however busy the machine is, some are whole.
        for _ in range(attempt):
            assert process.stdout.readline() == "written\n"
        time.sleep(0.05 + 0.02 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if path.exists():
            (tensor,) = tensors_of(read(path, weights.SCHEMA)).values()
            assert len(np.unique(tensor)) == 1
    assert path.exists()


def test_a_full_disk_leaves_the_old_file(path):
    written_weights(path)
    before = path.read_bytes()
    limited = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
{WRITER}"""
    result = subprocess.run([sys.executable, "-c", limited, str(path)], capture_output=True, text=True)
    assert result.returncode != 0
    assert str(path) in result.stderr
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def refusing_folders(error):
    """``os.fsync`` on a file system that flushes files and no folders."""
    flush = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, os.strerror(error))
        flush(descriptor)

    return fsync


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_flush_folders_will_do(path, monkeypatch, error):
    monkeypatch.setattr(atomic.os, "fsync", refusing_folders(error))
    atomic.write_bytes(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_a_folder_whose_flush_fails_is_told(path, monkeypatch):
    monkeypatch.setattr(atomic.os, "fsync", refusing_folders(errno.EIO))
    with pytest.raises(OSError, match=r"file\.parquet"):
        atomic.write_bytes(path, b"whole")


def test_damage_that_no_run_sees_at_its_start_is_told_with_what_helps(path):
    data = written_weights(path)
    times = path.stat()
    middle = len(data) // 8
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not damaged(path.parent)
    with pytest.raises(NarrowgaugeError, match=r"file\.parquet is broken: .*; delete it and run snakemake again$"):
        read(path, weights.SCHEMA)
    # A run that sees it sets it aside by itself: there is nothing to be done.
    os.utime(path, (1, 1))
    ((_, reason),) = damaged(path.parent)
    assert reason.startswith("is broken: ")
    assert "delete" not in reason


def test_check_finds_damage_and_sets_it_aside(tmp_path):
    files = [tmp_path / str(number) / "weights.parquet" for number in range(5)]
    for file in files:
        data = written_weights(file)
    files[1].write_bytes(data[:100])
    files[2].write_bytes(b"")
    middle = len(data) // 3
    files[3].write_bytes(data[:middle] + bytes(8) + data[middle + 8 :])
    for file in files:  # damage of long ago
        if file not in (files[0], files[4]):
            os.utime(file, (1, 1))
    os.utime(files[4], (1, 1))  # touched, but whole
    found = damaged(tmp_path)
    assert [path for path, _ in found] == files[1:4]
    assert all(reason for _, reason in found)
    aside = set_aside(files[1])
    assert aside.read_bytes() == data[:100]
    assert [path for path, _ in damaged(tmp_path)] == files[2:4]


def test_show_tells_what_it_is_and_where_it_comes_from(path):
    written_weights(path)
    text = describe_file(path)
    for words in ("weights, 1 rows", "stage sample", "c0de", "abc", "epochs", "conv1.weight", "432 bytes"):
        assert words in text


def test_an_unknown_kind_is_said_to_be_unknown(path):
    write(path, SCHEMA, [row("a")], PROVENANCE, {"origin": "x"})
    with pytest.raises(NarrowgaugeError, match="'test'"):
        describe_file(Path(path))
