from pathlib import Path

import pytest

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.costs import costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import graph_from_json
from narrowgauge.spaces import UserLaws, build
from narrowgauge.stages.sample import run

LAWS: UserLaws = {"probenet-s": {"mine": {"filters": [2, 4], "kernels": [1, 3]}}}


def sample(path: Path, *architectures: str) -> str:
    run(architectures=architectures, laws=LAWS, classes=7, candidates=path, code_version="1")
    return read(path, candidates_schema.SCHEMA).content_hash


def test_candidates_hold_networks_and_costs(tmp_path: Path) -> None:
    path = tmp_path / "candidates.parquet"
    sample(path, "probenet-s-slim", "probenet-s-mine-4", "mobilenetv2-s6-0")
    artefact = read(path, candidates_schema.SCHEMA)
    assert artefact.attributes == {"classes": 7}
    rows = artefact.rows()
    assert [(row["arch"], row["space"], row["law"], row["sample_id"]) for row in rows] == [
        ("mobilenetv2-s6-0", "mobilenetv2", "s6", 0),
        ("probenet-s-mine-4", "probenet-s", "mine", 4),
        ("probenet-s-slim", None, None, None),
    ]
    for row in rows:
        graph = build(row["arch"], LAWS, classes=7)
        costs = costs_of(graph)
        assert graph_from_json(row["graph"]) == graph
        assert row["graph_digest"] == graph.digest
        assert dict(row["weight_bytes"])[16] == costs.weight_bytes(16)
        assert dict(row["peak_activation_bytes"])[9] == costs.peak_activation_bytes(9)
        assert dict(row["operators"]) == costs.operators
        assert row["macs"] == costs.macs


def test_the_same_grid_gives_the_same_content(tmp_path: Path) -> None:
    names = ["resnext-s3-1", "densenet-s3-2", "probenet-d-length"]
    assert sample(tmp_path / "a.parquet", *names) == sample(tmp_path / "b.parquet", *reversed(names))


def test_all_architectures_that_cannot_be_built_are_named(tmp_path: Path) -> None:
    path = tmp_path / "candidates.parquet"
    with pytest.raises(NarrowgaugeError) as caught:
        sample(path, "resnet18", "densenet-s2-41", "pnasnet-s9-0")
    assert "densenet-s2-41 cannot be built" in str(caught.value)
    assert "pnasnet has no law 's9'" in str(caught.value)
    assert not path.exists()


def test_a_network_beyond_all_numbers_is_named(tmp_path: Path) -> None:
    path, most = tmp_path / "candidates.parquet", 2**31 - 1
    laws: UserLaws = {"pnasnet": {"vast": {"cells": 1, "planes": most, "factor1": most, "factor2": most}}}
    with pytest.raises(NarrowgaugeError, match="pnasnet-vast-0 is larger than numbers of 64 bits can tell"):
        run(architectures=["pnasnet-vast-0"], laws=laws, classes=7, candidates=path, code_version="1")
    assert not path.exists()
