"""The files of the chart are consistent. tests/chart tests how helm renders them."""

import json
import re
from typing import Any

import yaml

from exporter import __version__
from exporter.kinds import KINDS
from tests.support.helm_chart import CHART
from tools import values_table

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    return schema


def assert_described(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> None:
    for key, value in values.items():
        assert key in schema["properties"], f"{path}.{key}"
        described = resolve(schema["properties"][key])
        if isinstance(value, dict) and "properties" in described:
            assert_described(value, described, f"{path}.{key}")


def test_every_value_is_in_the_schema() -> None:
    """Helm refuses a value that the schema does not have."""
    assert_described(VALUES, SCHEMA)


def test_the_schema_has_no_value_that_is_not_there() -> None:
    """Except the values that a parent chart passes to its subcharts."""
    assert set(SCHEMA["properties"]) - set(VALUES) == {"enabled"}
    own = {
        "global",
        "podDisruptionBudget",
        "verticalPodAutoscaler",
        "image",
        "serviceAccount",
        "rbac",
        "service",
        "serviceMonitor",
        "podMonitor",
        "dashboards",
        "networkPolicy",
    }
    for name in own:
        assert set(resolve(SCHEMA["properties"][name])["properties"]) == set(VALUES[name])
    rule = SCHEMA["properties"]["prometheusRule"]["properties"]
    assert set(rule) == set(VALUES["prometheusRule"])
    assert set(rule["thresholds"]["properties"]) == set(VALUES["prometheusRule"]["thresholds"])


def test_every_object_of_the_schema_is_closed() -> None:
    """An object with known keys refuses others, because a misspelt key would have no effect.

    Except `global`: a parent chart passes its global values to every subchart.
    """
    everyones = SCHEMA["properties"]["global"]

    def objects(schema: Any) -> list[dict[str, Any]]:
        if isinstance(schema, list):
            return [found for item in schema for found in objects(item)]
        if not isinstance(schema, dict):
            return []
        own = [schema] if isinstance(schema.get("properties"), dict) and schema != everyones else []
        return own + [found for item in schema.values() for found in objects(item)]

    found = objects(SCHEMA)
    assert len(found) > 10
    assert all(schema["additionalProperties"] is False for schema in found)


def test_the_schema_knows_the_exporters_kinds() -> None:
    """All kinds of `--collectors`, and those whose objects can have exported labels."""
    assert {kind.plural for kind in KINDS} == set(SCHEMA["properties"]["collectors"]["items"]["enum"])
    labelled = {kind.plural for kind in KINDS if kind.is_custom_resource}
    assert set(SCHEMA["properties"]["metricLabelsAllowlist"]["properties"]) == labelled | {"*"}


def test_every_value_is_described_in_the_schema() -> None:
    """Stale: run `make docs`."""
    assert (CHART / "values.schema.json").read_text() == values_table.schema()
    assert all("description" in schema for schema in SCHEMA["properties"].values() if "properties" not in schema)


def test_flags_that_are_values_are_not_accepted_as_additional_flags() -> None:
    """Two settings of one flag would contradict each other. The values name the flags without dashes, in camel case."""
    pattern = SCHEMA["properties"]["extraArgs"]["items"]["not"]["pattern"]
    flags = set(re.match(r"\^--\(([^)]*)\)", pattern.replace("(no-)?", ""))[1].split("|"))  # type: ignore[index]
    values = {re.sub(r"-(.)", lambda match: match[1].upper(), flag) for flag in flags}
    assert values - set(VALUES) == {
        # From `shards`.
        "shard",
        "totalShards",
        # Below `ui`.
        "webUi",
        "clusterName",
        "webLinkDashboard",
        "webLinkHistory",
        "webLinkGrafana",
        "webLinkAlerts",
        "webLinkRunbook",
        "watchNamespace",
        "metricsAddr",
        "webConfigFile",
        "healthProbeBindAddress",
        "metricsAuthAudiences",
    }


def test_the_chart_has_this_version() -> None:
    """The default tag of the image is the chart's appVersion."""
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_readme_has_the_values_as_they_are() -> None:
    """Stale: run `make docs`."""
    assert (CHART / "README.md").read_text() == values_table.readme()
    named = {name for name, _, _ in values_table.rows((CHART / "values.yaml").read_text())}
    assert {name.split(".")[0] for name in named} == set(VALUES)
