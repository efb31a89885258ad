"""Every network in the files of every engine computes what its ONNX file computes."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from narrowgauge.deployment.agreement import compare
from narrowgauge.deployment.engines import files_for
from narrowgauge.deployment.host import run_on_host
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.devices.onboard.runtimes import runtime
from narrowgauge.devices.reference import empty_model, reference_model
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces import build

ENGINES = ["torch", "ncnn"]
# Between them they have every operator of a folded network.
ARCHS = [
    *("mobilenetv2-s5-2", "densenet-s3-4", "pnasnet-s3-13", "resnext-s3-0", "googlenet-s3-1", "resnet-s3-2"),
    *("probenet-s", "dpn26", "preactresnet18", "senet18"),
]


def computed(engine: str, model: bytes, images: np.ndarray, folder: Path) -> np.ndarray:
    files = []
    for suffix, content in files_for(engine, model):
        files.append(folder / f"network{suffix}")
        files[-1].write_bytes(content)
    network = runtime(engine)
    network.load(files, 1)
    return np.concatenate([network.run(image[None].copy()) for image in images])


def model_of(graph: Graph) -> bytes:
    folded = fold_graph(graph).graph
    return onnx_model(folded, untrained_parameters(folded, 1))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("arch", ARCHS)
def test_engines_agree_with_onnxruntime(arch: str, engine: str, tmp_path: Path) -> None:
    model = model_of(build(arch))
    images = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype(np.float32)
    agreement = compare(run_on_host(model, images), computed(engine, model, images, tmp_path))
    assert agreement.good, agreement


@pytest.mark.parametrize("engine", ENGINES)
def test_the_networks_that_every_session_takes_along(engine: str, tmp_path: Path) -> None:
    for model, shape in ((reference_model((3, 32, 32)), (3, 32, 32)), (empty_model(), (1, 1, 1))):
        images = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
        actual = computed(engine, model, images, tmp_path).reshape(2, -1)
        assert compare(run_on_host(model, images).reshape(2, -1), actual).good


@pytest.mark.parametrize("engine", ENGINES)
def test_an_image_is_not_written_to(engine: str, tmp_path: Path) -> None:
    images = np.full((1, 1, 1, 1), -3, np.float32)
    computed(engine, empty_model(), images, tmp_path)
    assert images.item() == -3


def test_the_files_do_not_depend_on_the_time() -> None:
    model = reference_model((3, 32, 32))
    assert [files_for(engine, model) for engine in ENGINES] == [files_for(engine, model) for engine in ENGINES]


def test_what_is_no_export_is_refused() -> None:
    b = GraphBuilder((1, 2, 2))
    b.linear(b.image, 2)
    foreign = onnx.load_from_string(model_of(b.graph()))
    foreign.graph.node[-1].op_type = "Einsum"
    for engine in ENGINES:
        with pytest.raises(NarrowgaugeError, match="Einsum"):
            files_for(engine, foreign.SerializeToString())
        with pytest.raises(NarrowgaugeError, match="no ONNX file"):
            files_for(engine, b"no network")
