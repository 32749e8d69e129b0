"""Generates the table of alerts in docs/runbooks.md from the chart's rules and values (`make rules`)."""

import re
from typing import Any

from tests.support.helm_chart import CHART, ROOT
from tools import families, values_table
from tools.rules import OPTIONAL, RENDERED, sources, values

RUNBOOKS = ROOT / "docs" / "runbooks.md"

BEGIN, END = "<!-- alerts: written by `make rules` -->\n", "<!-- end of alerts -->\n"

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def rows() -> list[tuple[str, str, str, str, str]]:
    """Return name, severity, meaning, default thresholds and needed families of each alert, in the rules' order."""
    rules = [rule for path in (RENDERED, *OPTIONAL.values()) for rule in sources(path).values()]
    return [
        (rule["alert"], rule["labels"]["severity"], rule["annotations"]["summary"], _thresholds(rule), _needs(rule))
        for rule in rules
        if "alert" in rule
    ]


def _thresholds(rule: dict[str, Any]) -> str:
    """Return the thresholds of an alert, such as "15m: time without being provisioned"."""
    prefix = "prometheusRule.thresholds."
    described = {name: text for name, _, text in values_table.rows((CHART / "values.yaml").read_text())}
    used = dict.fromkeys(re.findall(r"\$\{(\w+)\}", rule["expr"] + rule.get("for", "")))
    return "; ".join(
        f"{_readable(name)}: {described[prefix + name].partition(': ')[2]}"
        for name in used
        if name in values()["thresholds"]
    )


def _needs(rule: dict[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(families.needs(rule["expr"]))) or "`up`"


def _readable(name: str) -> str:
    value = values()["thresholds"][name]
    if name.endswith("Ratio"):
        return f"{value:.0%}"
    if not name.endswith("Seconds"):
        return str(value)
    unit, seconds = next((unit, seconds) for unit, seconds in _UNITS if value % seconds == 0)
    return f"{value // seconds}{unit}"


def runbooks() -> str:
    """Return docs/runbooks.md with a table of the current alerts."""
    head, _, rest = RUNBOOKS.read_text().partition(BEGIN)
    table = "".join(
        f"| [{name}](#{name.lower()}), {severity} | {meaning} | {threshold} | {needs} |\n"
        for name, severity, meaning, threshold, needs in rows()
    )
    columns = "| alert | meaning | default threshold | needs |\n|---|---|---|---|\n"
    return f"{head}{BEGIN}\n{columns}{table}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    RUNBOOKS.write_text(runbooks())
