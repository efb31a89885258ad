"""Digits and one tiny network, as the stages before training leave them."""

from typing import Any

import pyarrow as pa
import pytest

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates
from narrowgauge.config.data import DataSettings
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.stages import data


def tiny_network(classes: int = 10) -> Graph:
    b = GraphBuilder()
    x = b.image
    for width in (8, 16, 32):
        x = b.max_pool(b.relu(b.batch_norm(b.conv(x, width, 3))), 2)
    b.linear(b.avg_pool(x, 4), classes)
    return b.graph()


def some_value(kind: pa.DataType) -> Any:
    """Any value of a type: only names and graphs of the candidates matter here."""
    if pa.types.is_string(kind):
        return ""
    return 0 if pa.types.is_primitive(kind) else []


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with ``train``, ``validation``, ``test`` and ``candidates``, all ``.parquet``."""
    folder = tmp_path_factory.mktemp("prepared")
    settings = DataSettings()
    data.run_training(
        settings=settings,
        train=folder / "train.parquet",
        validation=folder / "validation.parquet",
        code_version="",
    )
    data.run_test(settings=settings, train=folder / "train.parquet", test=folder / "test.parquet", code_version="")
    rows = [
        {column.name: some_value(column.type) for column in candidates.SCHEMA.columns}
        | {"arch": arch, "graph": graph.to_json()}
        for arch, graph in (("tiny", tiny_network()), ("narrow", tiny_network(classes=4)))
    ]
    write(
        folder / "candidates.parquet",
        candidates.SCHEMA,
        rows,
        Provenance(stage="sample", inputs={}),
        dict.fromkeys(candidates.SCHEMA.attributes),
    )
    return folder
