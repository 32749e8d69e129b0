"""The rules: rendered from the chart's into deploy/prometheus/rules.yaml by `make rules`, and read by tests."""

import re
import sys
from functools import cache
from typing import Any

import yaml

from tests.support.helm_chart import CHART, ROOT

RENDERED = ROOT / "deploy" / "prometheus" / "rules.yaml"

HEAD = "# Written by `make rules` from charts/kuberay-exporter/files/rules.yaml: a change is made there.\n"


def rendered() -> str:
    """Return the rules with the chart's default values, comments included.

    The chart's template does the same with the values of an install; the tests of the chart compare.
    """
    values = yaml.safe_load((CHART / "values.yaml").read_text())["prometheusRule"]
    tokens = {"namespace": values["namespaceLabel"], "runbookUrl": values["runbookUrl"], **values["thresholds"]}
    lines = (CHART / "files" / "rules.yaml").read_text().splitlines(keepends=True)
    # The comment at the top is for who edits the source: it ends where `groups:` begins.
    rules = "".join(lines[lines.index("groups:\n") :])
    return HEAD + re.sub(r"\$\{(\w+)\}", lambda token: str(tokens[token[1]]), rules)


def rules_by_name() -> dict[str, dict[str, Any]]:
    """Return every rule by the name of its alert or record."""
    groups = yaml.safe_load(RENDERED.read_text())["groups"]
    return {rule.get("alert") or rule["record"]: rule for group in groups for rule in group["rules"]}


@cache
def documented() -> dict[str, set[str]]:
    """Every family of docs/metrics.md with its labels."""
    families = {}
    heads: list[str] = []
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| metric |"):
            heads = cells
        elif line.startswith("| `kuberay_"):
            labels = cells[heads.index("labels")].replace("`", "")
            families[cells[0].strip("` ")] = set(labels.split(", "))
    return families


if __name__ == "__main__":
    sys.stdout.write(rendered())
