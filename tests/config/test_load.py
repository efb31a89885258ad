"""Configs, right and wrong, as a user writes them."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.config.load import canonical_yaml, load, store_resolved
from narrowgauge.config.model import Experiment
from narrowgauge.config.training import TrainingSettings
from narrowgauge.config.yaml_file import read_yaml
from narrowgauge.costs import costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces import build

ROOT = Path(__file__).resolve().parents[2]
RIGHT = {
    "experiment": "tiny",
    "architectures": ["probenet-s-slim", {"space": "mobilenetv2", "law": "s6", "ids": "3-6"}],
}


def problems(**changes: object) -> list[str]:
    """The lines of the message for a right config with top-level keys changed."""
    with pytest.raises(NarrowgaugeError) as caught:
        load(RIGHT | changes)
    head, *lines = str(caught.value).split("\n")
    assert head == f"config has {len(lines)} problem{'s' if len(lines) > 1 else ''}:"
    return [line.strip() for line in lines]


def test_the_default_experiment_is_right():
    experiment = load(ROOT / "config.yaml")
    spaces = {name.split("-")[0] for name in experiment.arch_names}
    assert len(spaces) >= 4
    assert experiment.format_names == ["e8m23", "e5m10", "e8m7", "e4m3", "best"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("experiments/*.yaml")), ids=lambda path: path.stem)
def test_the_experiments_are_right(path):
    assert load(path).experiment == path.stem


def test_the_default_limits_say_no_to_some():
    experiment = load(ROOT / "config.yaml")
    costs = {name: costs_of(build(name)) for name in experiment.arch_names}
    within = [
        name
        for name, cost in costs.items()
        if cost.macs <= experiment.limits.macs and cost.weight_bytes(32) <= experiment.limits.weight_bytes
    ]
    assert len(costs) / 2 < len(within) < len(costs)


def test_the_grid_is_expanded_in_its_order_and_duplicates_are_said():
    grid = ["mobilenetv2-s4-7", {"space": "mobilenetv2", "law": "s4", "ids": [7, "9-11", 2]}, "probenet-s-slim"]
    experiment = load({"experiment": "grid", "architectures": grid, "formats": ["fp16", "e5m10", "best"]})
    assert experiment.arch_names == [
        *(f"mobilenetv2-s4-{number}" for number in (7, 9, 10, 11, 2)),
        "probenet-s-slim",
    ]
    assert experiment.format_names == ["e5m10", "best"]
    assert experiment.plain_formats == ["e5m10"]
    assert experiment.duplicates == ["mobilenetv2-s4-7", "e5m10"]


@pytest.mark.parametrize(("ids", "expected"), [(4, [4]), ("4", [4]), ("4-6", [4, 5, 6]), ([1, "3-4"], [1, 3, 4])])
def test_ids_are_one_a_range_or_a_list(ids, expected):
    experiment = load({"experiment": "x", "architectures": [{"space": "densenet", "law": "s3", "ids": ids}]})
    assert experiment.arch_names == [f"densenet-s3-{number}" for number in expected]


@pytest.mark.parametrize("ids", [-1, "6-4", "a", 1.5, True, "0-99999999", 2**32, [], None, {"from": 1}])
def test_ids_that_are_none(ids):
    (line,) = problems(architectures=[{"space": "densenet", "law": "s3", "ids": ids}])
    assert line.startswith("architectures[0].ids")
    assert "a range such as 10-19" in line


def test_every_problem_is_told_at_once():
    lines = problems(
        experiment="with blanks",
        training={"batch_size": 0, "epoch": 3, "momentum": True, "augmentation": {"shift": "far"}},
        data={"name": "parquet", "validation_share": 0.9},
        architectures=[
            "mobilnetv2-s4-3",
            {"space": "densenet", "law": "s99", "ids": "5-3"},
            {"space": "vgg", "law": "s1", "ids": 1},
        ],
        formats=["e9m1", "best"],
        devices=["loca"],
        limits={"latency_ms": {"local": -1}, "weight_bytes": "32 stones", "at_most": 2.5},
        sweeps={},
    )
    starts = {
        "experiment: 'with blanks'; allowed: letters, digits, - and _": 1,
        "training.batch_size: 0; allowed: a whole number, at least 1": 1,
        "training.epoch: unknown key; did you mean epochs?": 1,
        "training.momentum: true; allowed: a number, at least 0, below 1": 1,
        "training.augmentation.shift: 'far'; allowed: a whole number, at least 0": 1,
        "data.train: nothing given; allowed: a Parquet file": 1,
        "data.test: nothing given; allowed: a Parquet file": 1,
        "data.validation_share: 0.9; allowed: a number, above 0, below 0.5": 1,
        "architectures[0]: 'mobilnetv2-s4-3'": 1,
        "architectures[1].ids: '5-3'; allowed: a whole number": 1,
        "architectures[1].law: 's99': densenet has no such law": 1,
        "architectures[2].space: there is no space 'vgg'": 1,
        "formats[0]: 'e9m1' is no number format; did you mean e8m1?; allowed: eXmY with": 1,
        "devices[0].name: 'loca'; did you mean local?": 1,
        "limits.latency_ms.local: -1; allowed: a number, above 0": 1,
        "limits.weight_bytes: '32 stones'; allowed: a number of bytes": 1,
        "limits.at_most: 2.5; allowed: a whole number, at least 1": 1,
        "sweeps: unknown key; did you mean sweep?": 1,
    }
    assert {start: sum(line.startswith(start) for line in lines) for start in starts} == starts
    assert len(lines) == len(starts)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architectures": ["resnet19"]}, "architectures[0]: 'resnet19'"),
        ({"architectures": ["mobilenetv2-s9-3"]}, "architectures[0]: 'mobilenetv2-s9-3'"),
        ({"architectures": [{"space": "mobilnetv2", "law": "s4", "ids": 3}]}, "did you mean mobilenetv2?"),
        ({"architectures": [{"space": "mobilenetv2", "law": "s44", "ids": 3}]}, "did you mean s4?"),
        ({"architectures": []}, "architectures: []; allowed: a list"),
        ({"architectures": "resnet18"}, "architectures: 'resnet18'; allowed: a list"),
        ({"exclude": ["probenet-s-fat"]}, "exclude[0]: 'probenet-s-fat'; allowed: an architecture of the grid"),
        ({"devices": ["local", "local"]}, "devices: 'local' 2 times; allowed: each name once"),
        ({"limits": {"latency_ms": {"locale": 5}}}, "limits.latency_ms.locale: unknown device; allowed: a device"),
        ({"limits": {"latency_ms": 5}, "calibration": {"enabled": False}}, "limits.latency_ms: 5.0; allowed: with"),
        (
            {"limits": {"weight_bytes": {"e9m1": "3KiB"}}},
            "limits.weight_bytes.e9m1: 'e9m1' is no number format; did you",
        ),
        ({"limits": {"weight_bytes": {"e5m10": "1,000"}}}, "limits.weight_bytes.e5m10: '1,000'; allowed: a number of"),
        (
            {"limits": {"weight_bytes": {"fp16": 1, "e4m3": 3, "e5m10": 2}}},
            "limits.weight_bytes: {'e4m3': 3, 'e5m10': 2, 'fp16': 1}; allowed: one number for each format; fp16 and",
        ),
        ({"limits": {"weight_bytes": {"e5m10": True}}}, "limits.weight_bytes.e5m10: true; allowed: a number of"),
        ({"limits": {"latency_ms": {"local": True}}}, "limits.latency_ms.local: true; allowed: a number"),
        ({"limits": {"macs": "1e-1"}}, "limits.macs: 0.1; allowed: a whole number"),
        ({"devices": [None]}, "devices[0]: nothing given; allowed: text, or a mapping with the keys name"),
        ({"formats": ["best"]}, "formats: ['best']; allowed: best beside"),
        ({"data": {"name": "cifar10"}}, "data.folder: nothing given; allowed: a folder"),
        ({"results": "/tmp/a{b}"}, "results: '/tmp/a{b}'; allowed: a path without { and }"),
        ({"data": {"train": "a.parquet"}}, "data.train: 'a.parquet'; allowed: nothing: it is for `data.name: parquet`"),
        ({"data": {"name": "cifar10", "folder": ""}}, "data.folder: ''; allowed: a path, or nothing at all"),
        ({"results": 5}, "results: 5; allowed: a path"),
        ({"seed": float("nan")}, "seed: nan; allowed: a whole number"),
        ({"seed": 1 << 40_000}, "seed: a huge number; allowed: a whole number"),
        ({"training": {"learning_rate": float("inf")}}, "training.learning_rate: inf; allowed: a number"),
        ({"training": ["epochs", 3]}, "training: ['epochs', 3]; allowed: a mapping with the keys recipe"),
        ({"architectures": ["synthwide-2"]}, "architectures[0]: synthwide-2 takes larger images"),
        ({"laws": {"mobilnetv2": {"s7": {}}}}, "laws.mobilnetv2: "),
        (
            {
                "laws": {
                    "mobilenetv2": {
                        "s7": {"blocks": 1, "io_in": 8, "io_out": 16, "planes": [2, 8], "expansion": [9, 2]}
                    }
                }
            },
            "laws.mobilenetv2.s7.expansion: [9, 2]",
        ),
    ],
)
def test_one_problem(changes, expected):
    (line,) = problems(**changes)
    assert expected in line


def test_names_are_checked_in_what_is_right_beside_what_is_wrong():
    lines = problems(architectures=[5, "resnet19"], training={"epochs": 0})
    assert [line.split(":")[0] for line in lines] == ["architectures[0]", "architectures[1]", "training.epochs"]


def test_a_limit_of_an_unknown_device_is_told_beside_other_wrong_limits():
    lines = problems(
        architectures=[{"space": "densenet", "law": "s3", "ids": "0-9"}], limits={"latency_ms": {"raspi": 3}, "mac": 1}
    )
    assert [line.split(":")[0] for line in lines] == ["limits.mac", "limits.latency_ms.raspi"]


def test_laws_of_ones_own_are_drawn_like_any_other():
    ranges = {"expansion": 1, "planes": [2, 5], "blocks": [1, 3], "io_in": 8, "io_out": [8, 16]}
    experiment = load(
        {
            "experiment": "own",
            "laws": {"mobilenetv2": {"mine": ranges}},
            "architectures": [{"space": "mobilenetv2", "law": "mine", "ids": "0-1"}, "mobilenetv2-mine-7"],
        }
    )
    assert experiment.arch_names == ["mobilenetv2-mine-0", "mobilenetv2-mine-1", "mobilenetv2-mine-7"]
    assert all(build(name, experiment.laws) for name in experiment.arch_names)
    assert load(yaml.safe_load(canonical_yaml(experiment))) == experiment


def test_units_and_exponents_are_understood():
    # PyYAML reads 1e-2, which YAML 1.2 calls a number, as text.
    text = """
    limits: {weight_bytes: 32KiB, activation_bytes: 10_000, memory_bytes: 1.5e5, macs: 1e6, latency_ms: 1e1}
    training: {learning_rate: 1e-2, epochs: 2E1}
    """
    experiment = load(RIGHT | yaml.safe_load(text))
    assert experiment.limits.weight_bytes == 32 * 1024
    assert experiment.limits.activation_bytes == 10_000
    assert experiment.limits.memory_bytes == 150_000
    assert experiment.limits.macs == 1_000_000
    assert experiment.limits.latency_ms == 10
    assert (experiment.training.learning_rate, experiment.training.epochs) == (0.01, 20)
    each = load(RIGHT | yaml.safe_load("limits: {weight_bytes: {e5m10: 1e3}, latency_ms: {local: 1e1}}")).limits
    assert (each.weight_bytes, each.latency_ms) == ({"e5m10": 1000}, {"local": 10})
    # A name stays one.
    assert load(RIGHT | {"experiment": "1e1"}).experiment == "1e1"


def test_an_empty_section_takes_its_defaults():
    assert load(RIGHT | {"limits": None, "training": {"augmentation": None}, "exclude": None}) == load(RIGHT)
    assert problems(architectures=None)[0].startswith("architectures: not given; allowed: a list")


def test_a_recipe_sets_what_is_not_given():
    plain, fast = (load(RIGHT | {"training": training}).training for training in ({}, {"recipe": "fast"}))
    assert plain == load(RIGHT | {"training": {"recipe": "standard"}}).training
    assert fast.epochs < plain.epochs / 2
    assert fast.augmentation.flip == "alternating"
    own = load(RIGHT | {"training": {"recipe": "fast", "epochs": 3, "augmentation": {"flip": False}}}).training
    assert (own.epochs, own.augmentation.flip) == (3, False)
    assert own.augmentation.shift == fast.augmentation.shift
    assert load(RIGHT | {"training": {"recipe": "fast", "augmentation": None}}).training == fast
    # Results depend on the values, wherever they come from.
    assert TrainingSettings(**fast.deciding()).deciding() == fast.deciding()


def test_paths_may_begin_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "boards").touch()
    device = {"name": "pi3", "host": "pi3", "ssh_config": "~/boards"}
    experiment = load(RIGHT | {"data": {"name": "cifar10", "folder": "~/cifar"}, "results": "~/r", "devices": [device]})
    assert experiment.data.folder == tmp_path / "cifar"
    assert experiment.root == tmp_path / "r/tiny"
    assert experiment.device_named("pi3").ssh_config == tmp_path / "boards"
    (line,) = problems(results="~nobody-of-this-name/r")
    assert line.startswith("results: '~nobody-of-this-name/r'; allowed: a path in the home folder")


def test_what_no_result_depends_on_decides_nothing():
    before = load(RIGHT | {"data": {"name": "cifar10", "folder": "somewhere"}})
    after = load(
        RIGHT
        | {
            "training": {"threads": 2, "side_by_side": 3, "models_per_job": 4},
            "sweep": {"threads": 2},
            "benchmark": {"reconnect_seconds": 1, "models_per_job": 5},
            "data": {"name": "cifar10", "folder": "elsewhere"},
        }
    )
    for section in ("training", "sweep", "benchmark", "data"):
        assert getattr(before, section).deciding() == getattr(after, section).deciding()
    images = load(RIGHT | {"benchmark": {"images": 7, "seed": 1}}).benchmark
    assert images.timing() == before.benchmark.timing()
    assert images.deciding() != before.benchmark.deciding()


def test_an_unknown_recipe_is_refused():
    assert problems(training={"recipe": "fastest"}) == [
        "training.recipe: 'fastest'; did you mean fast?; allowed: one of standard, fast",
    ]


def test_latency_limits_hold_for_every_device_or_for_those_named():
    assert load(RIGHT | {"limits": {"latency_ms": 5}}).limits.latency_for("local") == 5
    assert load(RIGHT | {"limits": {"latency_ms": {"local": 5}}}).limits.latency_for("local") == 5
    assert load(RIGHT | {"limits": {"latency_ms": {"local": 5}}}).limits.latency_for("other") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("experiment: [1, 2\nformats: x\n", "line 2"),
        ("experiment: a\n\tformats: b\n", "line 2"),
        (
            "experiment: a\nseed: 1\nexperiment: b\n",
            "line 3, column 1: not valid YAML: the key 'experiment' is there twice",
        ),
        ("experiment: a\nseed: 010\n", "line 2, column 7: 010 would be read as 8; allowed: a decimal number"),
        ("ids: [3, 1:30]\n", "line 1, column 10: 1:30 would be read as 90; allowed: a decimal number"),
        ("limits: {latency_ms: 1:30.5}\n", "line 1, column 22: 1:30.5 would be read as 90.5"),
        ("-0_7: a\n", "line 1, column 1: -0_7 would be read as -7"),
        ("experiment: !!python/object:os.system {}\n", "line 1"),
        ("seed: 2024-13-45\n", "not valid YAML: month must be in 1..12"),
        ("seed: !!int x\n", "not valid YAML"),
        ("[" * 10_000, "nested too deeply"),
        ("a: \x00", "not valid YAML"),
        ("", "is empty"),
        ("- experiment\n", "holds ['experiment']"),
        ("digits", "holds 'digits'"),
    ],
)
def test_what_is_no_config_is_told_with_file_and_line(tmp_path, text, expected):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(NarrowgaugeError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert expected in str(caught.value)


def test_what_only_looks_like_an_octal_number_or_a_time_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("[0, 00, 00.5, 08, '010', \"1:30\", 10-19, 1_000, 0x10, 1:x, '1': 2]")
    assert read_yaml(path) == [0, 0, 0.5, "08", "010", "1:30", "10-19", 1000, 16, "1:x", {"1": 2}]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NarrowgaugeError, match=r"none\.yaml: there is no such config file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(NarrowgaugeError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_the_resolved_config_reads_back_as_the_same_experiment(tmp_path):
    changes = {
        "limits": {"weight_bytes": "32KiB", "latency_ms": {"local": 5}, "format": "fp16"},
        "devices": [{"name": "local", "threads": [1, 2]}],
        "data": {"name": "cifar10", "folder": "somewhere/ä"},
        "training": {"ema_decay": 0.99, "weight_decay": 1e-5},
        "exclude": ["mobilenetv2-s6-4"],
        # Would be a number without quotes.
        "results": "010",
    }
    experiment = load(RIGHT | changes)
    path = store_resolved(experiment, tmp_path / "configs")
    assert load(path) == experiment
    assert load(yaml.safe_load(canonical_yaml(experiment))) == experiment
    assert store_resolved(load(path), tmp_path / "configs") == path
    assert store_resolved(load(RIGHT), tmp_path / "configs") != path


def test_an_unknown_device_is_asked_for():
    with pytest.raises(NarrowgaugeError, match="'pi3' is no device of this config: local"):
        load(RIGHT).device_named("pi3")


PI3 = {"name": "pi3", "host": "pi@192.168.1.7", "threads": [1, 4]}


def test_a_device_is_chosen_by_name_or_taken_for_an_alias():
    listed = RIGHT | {"devices": ["local", PI3], "limits": {"latency_ms": {"local": 5, "pi3": 50}}}
    chosen = load(listed | {"device": "pi3"})
    assert [(device.name, device.host, device.threads) for device in chosen.devices] == [("pi3", PI3["host"], (1, 4))]
    assert chosen.limits.latency_ms == {"pi3": 50}
    both = load(listed | {"device": ["pi3", "local"]})
    assert [device.name for device in both.devices] == ["pi3", "local"]
    alias = load(RIGHT | {"device": "jetson", "limits": {"latency_ms": {"local": 5}}})
    assert [(device.name, device.host) for device in alias.devices] == [("jetson", "jetson")]
    assert alias.limits.latency_ms is None
    assert load(yaml.safe_load(canonical_yaml(chosen))) == chosen


def test_where_a_device_is_reached_is_nothing_that_measurements_depend_on():
    here, there = (load(RIGHT | {"devices": [PI3 | {"host": host, "folder": host}]}).devices[0] for host in "ab")
    faster = load(RIGHT | {"devices": [PI3 | {"threads": 2}]}).devices[0]
    assert here.measuring == there.measuring != faster.measuring


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"name": "pi3"}, "devices[0].host: not given; allowed: where pi3 is reached over SSH"),
        ({"name": "local", "host": "pi3"}, "devices[0].host: 'pi3'; allowed: no host, as local is this machine"),
        ("lokal", "devices[0].name: 'lokal'; did you mean local?"),
        (PI3 | {"name": "export"}, "devices[0].name: 'export'; allowed: any other name"),
        (PI3 | {"host": "-oProxyCommand=reboot"}, "devices[0].host: '-oProxyCommand=reboot'; allowed: an alias"),
        (PI3 | {"host": "-F"}, "devices[0].host: '-F'; allowed: an alias"),
        (PI3 | {"host": "pi3; reboot"}, "devices[0].host: 'pi3; reboot'; allowed: an alias"),
        (PI3 | {"folder": "a\nb"}, "devices[0].folder: 'a\\nb'; allowed: a path on the device, in one line"),
        (PI3 | {"name": "../x"}, "devices[0].name: '../x'; allowed: small letters"),
        (PI3 | {"runtime": ["onnxruntime", "onnxrt"]}, "devices[0].runtime[1]: 'onnxrt'; did you mean onnxruntime?"),
        (PI3 | {"ssh_config": "/no/such/file"}, "devices[0].ssh_config: /no/such/file is not there"),
        (PI3 | {"memory_bytes": "much"}, "devices[0].memory_bytes: 'much'; allowed: a number of bytes"),
    ],
)
def test_a_device_that_cannot_be_reached_is_told(device, expected):
    assert any(line.startswith(expected) for line in problems(devices=[device]))


def test_loading_imports_no_heavy_library():
    heavy = {"torch", "sklearn", "onnxruntime", "matplotlib", "pandas"}
    code = f"import sys, narrowgauge.config.load; print(*({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.binary(max_size=4)
)
schema = Experiment.model_json_schema()
sections = [schema, *schema["$defs"].values()]
known = st.sampled_from([*{key for section in sections for key in section["properties"]}, "mobilenetv2", "local", "s7"])
keys = st.one_of(known, scalars)
anything = st.recursive(
    scalars | st.sampled_from(["e5m10", "best", "local", "1-3", "32KiB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(config=st.dictionaries(keys, anything, max_size=6).map(lambda changes: RIGHT | changes) | anything)
def test_whatever_a_config_holds_it_is_right_or_told_wrong(config):
    # Any other error fails the test.
    with contextlib.suppress(NarrowgaugeError):
        load(config)


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}&*!|>?#%'\", \n\t0123456789.~<=", max_size=60))
def test_whatever_a_file_holds_it_is_right_or_told_wrong(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_text(text)
    with pytest.raises(NarrowgaugeError):
        load(path)


def test_json_may_have_tabs_and_no_key_twice(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{\n\t"experiment": "a",\n\t"seed": 3\n}\n')
    assert read_yaml(path) == {"experiment": "a", "seed": 3}
    for text, said in (('{"seed": 1, "seed": 2}', "the key 'seed' is there twice"), ("{", "Expecting property name")):
        path.write_text(text)
        with pytest.raises(NarrowgaugeError, match=f"a\\.json: not valid JSON: {said}"):
            read_yaml(path)
