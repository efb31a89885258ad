"""The door of the config: a file or a mapping in, an ``Experiment`` or one message about all that is wrong out."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.config.checks import cross_problems
from narrowgauge.config.chosen_devices import with_chosen_devices
from narrowgauge.config.model import Experiment
from narrowgauge.config.problems import shown, type_problems
from narrowgauge.config.yaml_file import read_yaml
from narrowgauge.errors import NarrowgaugeError


def load(config: Mapping[str, Any] | Path) -> Experiment:
    """Check a config and fill in its defaults.

    Args:
        config: a YAML file, or what one holds.

    Raises:
        NarrowgaugeError: if anything is wrong; the message has a line for each problem: key, value, what is allowed.
    """
    origin, raw = (str(config), read_yaml(config)) if isinstance(config, Path) else ("config", config)
    if not isinstance(raw, Mapping):
        kind = "is empty" if raw is None else f"holds {shown(raw)}"
        raise NarrowgaugeError(f"{origin}: {kind}; allowed: keys with values, such as `experiment: name`")
    # A key whose entries are all commented out counts as not given.
    raw = {key: value for key, value in raw.items() if value is not None or key not in Experiment.model_fields}
    raw = with_chosen_devices(raw)
    experiment, problems = None, []
    try:
        experiment = Experiment.model_validate(raw)
    except ValidationError as error:
        problems = type_problems(error, Experiment.model_json_schema(), raw)
    problems += cross_problems(raw)
    if experiment is None or problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise NarrowgaugeError("\n  ".join([f"{origin} has {count}:", *map(str, problems)]))
    return experiment


def canonical_yaml(experiment: Experiment) -> str:
    """The config with all defaults filled in, in the order of the model: equal experiments give equal text."""
    return yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def store_resolved(experiment: Experiment, folder: Path) -> Path:
    """Write the config with all defaults filled in to a file named after its content.

    Returns:
        The file's path; reading it gives an equal experiment.
    """
    text = canonical_yaml(experiment)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
    if not path.exists():
        write_bytes(path, text.encode())
    return path
