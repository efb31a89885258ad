"""The generated documentation of the config."""

import json
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from narrowgauge.config.docs import markdown, schema_json
from narrowgauge.config.model import Experiment

DOCS = Path(__file__).resolve().parents[2] / "docs"
REMEDY = "run `python -m narrowgauge.config.docs` in the root of the repository"


def test_the_documentation_is_up_to_date():
    assert (DOCS / "config.md").read_text(encoding="utf-8") == markdown(), REMEDY
    assert (DOCS / "config.schema.json").read_text(encoding="utf-8") == schema_json(), REMEDY


def test_an_editor_that_knows_json_schemas_finds_the_default_experiment_right():
    config = yaml.safe_load((DOCS.parent / "config.yaml").read_text())
    validator = Draft202012Validator(json.loads(schema_json()))
    assert not list(validator.iter_errors(config))
    assert list(validator.iter_errors(config | {"epochs": 3}))


def test_every_key_is_documented():
    schema = Experiment.model_json_schema()
    for name, section in {"Experiment": schema, **schema["$defs"]}.items():
        for key, node in section["properties"].items():
            assert node.get("description"), f"{name}.{key} has no docstring"
            assert f"{key}`" in markdown() or "$ref" in node
    assert json.loads(schema_json())["required"] == ["experiment", "architectures"]
