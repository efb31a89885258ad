"""Files of the release: what is taken, and what is refused."""

import json
from pathlib import Path

import pytest

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import candidates, measurements, summary
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout
from narrowgauge.stages import import_published

# A row of the release, as it is there.
ROW = {
    "acc": 0.9016999816894531,
    "flops": 35438476.0,
    "id": 0,
    "law": "s1",
    "params": 166093,
    "runid": "9acd56d83c0f11e9bf0870e284142b00",
    "spacename": "random_net_densenet",
    "t_avg": 156.53864542643228,
    "t_std": 30.950092085415818,
}


def imported(folder: Path) -> dict[str, int]:
    return import_published.run(folder=folder, layout=Layout(folder / "out"), code_version="")


def store(path: Path, rows: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows))


def test_a_part_of_the_release_in_its_own_folders(tmp_path: Path) -> None:
    store(tmp_path / "results" / "results_RaspPi.json", [ROW])
    assert imported(tmp_path) == {"networks": 1, "RaspPi": 1}
    layout = Layout(tmp_path / "out")
    (network,) = read(layout.candidates, candidates.SCHEMA).rows()
    assert (network["arch"], network["published_params"]) == ("densenet-s1-0", 166093)
    (measured,) = read(layout.published("RaspPi"), measurements.SCHEMA).rows()
    assert (measured["median_ms"], measured["n"], measured["samples_ms"]) == (ROW["t_avg"], 9, None)
    assert json.loads(measured["device_facts"])["std_ms"] == ROW["t_std"]
    (answer,) = read(layout.summary, summary.SCHEMA).rows()
    assert (answer["test_accuracy"], answer["validation_accuracy"]) == (ROW["acc"], None)
    assert answer["weight_bytes"] == 4 * network["stored_parameters"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": 166094}, r"densenet-s1-0 has params 166094 .* 166093 .* no file of the published release"),
        ({"acc": 90.2}, "0.acc: Input should be less than or equal to 1"),
        ({"t_avg": "fast"}, "0.t_avg"),
        ({"law": "s9"}, "densenet has no law 's9'"),
        ({"spacename": "resnet18"}, "0.spacename"),
    ],
)
def test_foreign_rows_are_refused_and_nothing_is_written(tmp_path: Path, change: dict, message: str) -> None:
    store(tmp_path / "results_RaspPi.json", [ROW | change])
    with pytest.raises(NarrowgaugeError, match=message):
        imported(tmp_path)
    assert not (tmp_path / "out").exists()


def test_broken_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NarrowgaugeError, match=r"holds no results_\*\.json of the published release"):
        imported(tmp_path)
    (tmp_path / "results_RaspPi.json").write_text(json.dumps([ROW])[:-20])
    with pytest.raises(NarrowgaugeError, match=r"results_RaspPi\.json cannot be read as JSON"):
        imported(tmp_path)
    store(tmp_path / "results_RaspPi.json", [ROW, ROW])
    with pytest.raises(NarrowgaugeError, match="lists densenet-s1-0 twice"):
        imported(tmp_path)
    store(tmp_path / "results_RaspPi.json", [])
    with pytest.raises(NarrowgaugeError, match="list no network"):
        imported(tmp_path)


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    store(tmp_path / "results_RaspPi.json", [ROW])
    store(tmp_path / "NetConfigs.json", [ROW | {"acc": 0.5}])
    with pytest.raises(NarrowgaugeError, match="contradicts another file about densenet-s1-0"):
        imported(tmp_path)
