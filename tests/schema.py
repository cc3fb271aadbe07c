"""The policy's JSON Schema as an editor uses it: with a YAML reader and a validator of others."""

import json
from collections.abc import Callable
from pathlib import Path

import fastjsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from places import ROOT

SCHEMA = ROOT / "configs" / "policy.schema.json"


def read_yaml(text: str) -> object:
    """The data in a YAML text."""
    return YAML(typ="safe", pure=True).load(text)


def read_config(path: Path) -> dict:
    """The data in a policy file, without anchors or shared parts."""
    return json.loads(json.dumps(read_yaml(path.read_text())))


def validator() -> Callable[[object], object]:
    """Raises `fastjsonschema.JsonSchemaValueException` for what the committed schema does not allow."""
    return fastjsonschema.compile(json.loads(SCHEMA.read_text()), use_default=False)


def underlined(validate: Callable[[object], object], text: str) -> bool:
    """Whether an editor marks something in this policy."""
    try:
        validate(read_yaml(text))
    except (YAMLError, fastjsonschema.JsonSchemaValueException):
        return True
    return False
