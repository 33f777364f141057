"""The chart's values, their schema and the examples of them; `make test-deploy` renders them."""

import json
import re

import pytest
import yaml
from jsonschema import Draft7Validator

from gateway import __version__
from tests.examples.compose import ROOT

CHART = ROOT / "charts" / "gatepost"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
EXAMPLES = sorted((CHART / "ci").glob("*.yaml"))


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["version"] == chart["appVersion"] == __version__


def test_every_value_has_a_default_and_a_schema():
    assert set(SCHEMA["properties"]) - {"global"} == set(VALUES)
    for name, value in VALUES.items():
        inside = SCHEMA["properties"][name].get("properties")
        if inside and name != "config":
            assert set(inside) == set(value), name


def test_the_defaults_lack_only_what_you_must_set():
    missing = {error.json_path for error in Draft7Validator(SCHEMA).iter_errors(VALUES)}

    assert missing == {"$.config", "$.existingSecret"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda it: it.stem)
def test_an_example_of_values_fits_the_schema(path):
    Draft7Validator(SCHEMA).validate({**VALUES, **yaml.safe_load(path.read_text())})


def test_templates_read_values_that_exist():
    for path in (CHART / "templates").iterdir():
        for name, inside in re.findall(r"\.Values\.(\w+)(?:\.(\w+))?", path.read_text()):
            assert name in VALUES, path.name
            if inside and name != "config":
                assert inside in VALUES[name], (path.name, name, inside)


def test_every_value_is_read_by_a_template():
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())

    for name, value in VALUES.items():
        assert f".Values.{name}" in text, name
        for inside in SCHEMA["properties"][name].get("properties", {}) if name != "config" else ():
            assert f".Values.{name}.{inside}" in text, (name, inside, value)
