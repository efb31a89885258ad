"""Which rows and limits of an experiment each figure shows."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import all_formats, all_training, summary
from narrowgauge.config.limits import Limits
from narrowgauge.config.sweep import BestRule
from narrowgauge.layout import Layout
from narrowgauge.report import figures as drawing
from narrowgauge.stages import figures

NETWORKS = [f"probenet-s-s1-{n}" for n in range(20)]


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures of 20 networks on device ``b``, of which ``a`` timed one; by name."""
    rows = [
        dict.fromkeys(summary.SCHEMA.arrow.names)
        | {"arch": arch, "space": "probenet-s", "format": "e8m23", "resolved_format": "e8m23", "device": device}
        | {"runtime": "onnxruntime", "threads": 1, "status": "ok", "median_ms": 1.0 + number}
        | {"trainable_parameters": 10, "stored_parameters": 10, "macs": 100, "weight_bytes": 40 * (1 + number)}
        | {"test_accuracy": 0.5 + number / 100}
        for device, archs in {"a": NETWORKS[:1], "b": NETWORKS}.items()
        for number, arch in enumerate(archs)
    ]
    layout, made = Layout(tmp_path), []
    provenance = Provenance("aggregate", {})
    attributes = {"experiment": "made-up", "data": "digits", "test_images": 100}
    write(layout.summary, summary.SCHEMA, rows, provenance, attributes)
    write(layout.all_formats, all_formats.SCHEMA, [], provenance)
    write(layout.all_training, all_training.SCHEMA, [], provenance)
    monkeypatch.setattr(drawing, "to_svg", lambda figure: made.append(figure) or str(len(made)).encode())
    figures.run(layout=layout, limits=Limits(weight_bytes=32, latency_ms=5.0), rule=BestRule())
    return {path.stem: made[int(path.read_text()) - 1] for path in layout.figure("").glob("*.svg")}


def test_weights_are_shown_of_networks_that_the_first_device_did_not_time(drawn: dict[str, Figure]) -> None:
    (axis,) = drawn["pareto_weights"].axes
    assert [len(points.get_offsets()) for points in axis.collections] == [len(NETWORKS)]
    assert [text.get_text() for text in axis.texts] == ["limit in e8m23"]


def test_each_panel_shows_the_limit_of_its_device(drawn: dict[str, Figure]) -> None:
    axes = drawn["pareto_latency"].axes
    assert {axis.get_title(): [text.get_text() for text in axis.texts] for axis in axes} == {
        "a": ["limit on a"],
        "b": ["limit on b"],
    }


def test_single_models_are_of_the_whole_front(drawn: dict[str, Figure]) -> None:
    titles = [axis.get_title() for axis in drawn["formats_of_models"].axes if axis.get_title()]
    assert (titles[0], titles[-1], len(titles)) == (NETWORKS[0], NETWORKS[-1], 12)
