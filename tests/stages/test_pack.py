"""narrowgauge pack and unpack, on artefacts as training writes them."""

import numpy as np
import pytest

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import training, weights
from narrowgauge.artefacts.tensors import tensor_rows, tensors_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.stages.pack import pack_artefact, unpack_artefact


def network():
    b = GraphBuilder((3, 8, 8))
    b.linear(b.relu(b.batch_norm(b.conv(b.image, 5, 3))), 10)
    return b.graph()


@pytest.fixture
def trained(tmp_path):
    """A weights artefact, batch-norm statistics and all."""
    graph, rng = network(), np.random.default_rng(0)
    shapes = [*graph.parameters(), *graph.buffers()]
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes}
    attributes = {
        "arch": "tiny",
        "graph": graph.to_json(),
        "status": "trained",
        "classes": 10,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
    }
    path = tmp_path / "weights.parquet"
    write(path, weights.SCHEMA, tensor_rows(tensors), Provenance("train", {}), attributes)
    return path


def test_weights_come_back_as_numbers_of_the_format(trained, tmp_path):
    pack_artefact(trained, "fp16", tmp_path / "packed")
    unpack_artefact(tmp_path / "packed", tmp_path / "back.parquet")
    before, back = (
        tensors_of(read(trained, weights.SCHEMA)),
        tensors_of(read(tmp_path / "back.parquet", weights.SCHEMA)),
    )
    assert list(back) == list(before)
    for name, tensor in before.items():
        np.testing.assert_array_equal(back[name], tensor.astype(np.float16).astype(np.float32), strict=True)
    count = sum(tensor.size for tensor in before.values())
    assert (tmp_path / "packed").stat().st_size <= 2 * count + 64 + 32 * len(before)


def test_tensors_with_values_too_large_for_the_format_are_told(trained, tmp_path, capsys):
    tensors = {
        "conv1.weight": np.array([1, -3], np.float32),
        "bn1.running_mean": np.array([np.inf, np.nan], np.float32),
        "bn1.running_var": np.array([1e3, 1e-6, -1e3], np.float32),
    }
    attributes = read(trained, weights.SCHEMA).attributes
    write(trained, weights.SCHEMA, tensor_rows(tensors), Provenance("train", {}), attributes)
    pack_artefact(trained, "e4m3", tmp_path / "packed")
    assert capsys.readouterr().out.splitlines() == [
        "bn1.running_var: 2 of 3 values are too large for e4m3 and become infinity"
    ]
    pack_artefact(trained, "bf16", tmp_path / "packed")
    assert not capsys.readouterr().out


def test_what_was_unpacked_packs_to_the_same_file(trained, tmp_path):
    pack_artefact(trained, "e4m5", tmp_path / "packed")
    unpack_artefact(tmp_path / "packed", tmp_path / "back.parquet")
    pack_artefact(tmp_path / "back.parquet", "e4m5", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "packed").read_bytes()


def test_with_the_artefact_it_came_from_the_network_is_known_again(trained, tmp_path):
    pack_artefact(trained, "e5m10", tmp_path / "packed")
    unpack_artefact(tmp_path / "packed", tmp_path / "back.parquet", like=trained)
    back = read(tmp_path / "back.parquet", weights.SCHEMA)
    assert back.attributes == read(trained, weights.SCHEMA).attributes
    assert back.provenance.inputs == {"like": read(trained, weights.SCHEMA).content_hash}


def test_another_network_is_no_model_for_it(trained, tmp_path):
    other = read(trained, weights.SCHEMA)
    tensors = {"conv1.weight": np.ones((2, 2), np.float32)}
    write(tmp_path / "other.parquet", weights.SCHEMA, tensor_rows(tensors), Provenance("train", {}), other.attributes)
    pack_artefact(trained, "e5m10", tmp_path / "packed")
    with pytest.raises(NarrowgaugeError, match="was not packed from"):
        unpack_artefact(tmp_path / "packed", tmp_path / "back.parquet", like=tmp_path / "other.parquet")
    assert not (tmp_path / "back.parquet").exists()


def test_files_that_cannot_be_used_are_named(trained, tmp_path):
    with pytest.raises(NarrowgaugeError, match="nothing-there is missing"):
        unpack_artefact(tmp_path / "nothing-there", tmp_path / "back.parquet")
    with pytest.raises(NarrowgaugeError, match=r"weights\.parquet is no packed file"):
        unpack_artefact(trained, tmp_path / "back.parquet")
    history = tmp_path / "training.parquet"
    attributes = dict.fromkeys(training.SCHEMA.attributes, "")
    write(history, training.SCHEMA, [], Provenance("train", {}), attributes)
    with pytest.raises(NarrowgaugeError, match="holds training, where weights are expected"):
        pack_artefact(history, "e5m10", tmp_path / "packed")
    with pytest.raises(NarrowgaugeError, match="e5m99 is no number format"):
        pack_artefact(trained, "e5m99", tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_a_tensor_that_is_not_float32_is_named(trained, tmp_path):
    other = read(trained, weights.SCHEMA)
    rows = tensor_rows({"steps": np.array([3])})
    write(tmp_path / "other.parquet", weights.SCHEMA, rows, Provenance("train", {}), other.attributes)
    with pytest.raises(NarrowgaugeError, match=r"other\.parquet: tensor steps is int64"):
        pack_artefact(tmp_path / "other.parquet", "e5m10", tmp_path / "packed")
