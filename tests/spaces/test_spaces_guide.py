"""docs/spaces.md says what the code does, and its worked example works."""

import re
import types
from pathlib import Path

import pytest
import yaml

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces import build, canonical_name, fixed_names, validate_laws
from narrowgauge.spaces.catalogue import SPACES
from narrowgauge.spaces.registry import register

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "spaces.md").read_text()


def example(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)
    return code


def test_the_example_of_a_space_works() -> None:
    with pytest.raises(NarrowgaugeError):
        canonical_name("chain-s1-3")
    module = types.ModuleType("chain")
    try:
        exec(compile(example("python"), "docs/spaces.md", "exec"), module.__dict__)
        graph = build("Chain_s1_3", classes=4)
        assert graph.output.shape == (4,)
        assert build("chain-mine-0", {"chain": {"mine": {"length": 5, "width": 7}}}).live[-2].shape == (7, 1, 1)
    finally:
        SPACES.pop("chain", None)


def test_the_example_of_a_law_works() -> None:
    config = yaml.safe_load(example("yaml"))
    assert not validate_laws(config["laws"])
    for number in range(10):
        build(f"mobilenetv2-tiny-{number}", config["laws"])


@pytest.mark.parametrize("space", SPACES)
def test_the_guide_has_every_law(space: str) -> None:
    section = GUIDE.split(f"### {space}\n")[1].split("\n#")[0]
    for key, kind in SPACES[space].keys.items():
        assert f"| `{key}` | {kind.doc} |" in section
    assert f"| law | {' | '.join(SPACES[space].keys)} |" in section
    for name, law in SPACES[space].laws.items():
        values = [str(list(law[key])) for key in SPACES[space].keys]
        assert f"| {' | '.join([name, *values])} |" in section


def test_the_guide_has_every_fixed_network() -> None:
    for name in fixed_names():
        assert f"`{name}`" in GUIDE


def test_a_space_registers_once_and_with_whole_laws() -> None:
    space = SPACES["resnet"]
    with pytest.raises(ValueError, match="there is a space resnet already"):
        register("resnet", keys=space.keys, laws=space.laws, sample=space.sample)
    with pytest.raises(ValueError, match="must give width, blocks, not width"):
        register("mine", keys=space.keys, laws={"s1": {"width": (1, 2)}}, sample=space.sample)
