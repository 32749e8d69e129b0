"""Generates the table of values in the chart's README, and the schema's descriptions, from values.yaml (`make docs`).

A value with a comment directly above it becomes a row. Its default includes all keys below it that have no comment.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts" / "kuberay-exporter"
README = CHART / "README.md"
SCHEMA = CHART / "values.schema.json"

BEGIN, END = "<!-- values: written by `make docs` -->\n", "<!-- end of values -->\n"

_KEY = re.compile(r"(?P<indent> *)(?P<key>\w+):")
_INDENT = 2


def rows(text: str) -> list[tuple[str, str, str]]:
    """Return name, default and description of each commented value, in the order of the file."""
    values = yaml.safe_load(text)
    found = []
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            comment.append(line.lstrip().removeprefix("# "))
            continue
        if match := _KEY.match(line):
            path = [*path[: len(match["indent"]) // _INDENT], match["key"]]
            if comment:
                found.append((".".join(path), _default(values, path), " ".join(comment)))
        comment = []
    return found


def _default(values: Any, path: list[str]) -> str:
    for key in path:
        values = values[key]
    return json.dumps(values) if values != "" else ""


def readme() -> str:
    """Return the README with a table of the current values."""
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    table = "".join(
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning.replace('|', '&#124;')} |\n"
        for name, default, meaning in rows((CHART / "values.yaml").read_text())
    )
    return f"{head}{BEGIN}\n| value | default | meaning |\n|---|---|---|\n{table}\n{END}{tail}"


def schema() -> str:
    """Return the schema with the comment of each value as its description, which editors show."""
    found = json.loads(SCHEMA.read_text())
    for name, _, meaning in rows((CHART / "values.yaml").read_text()):
        place = found
        for key in name.split("."):
            place = place["properties"][key]
        rest = {key: value for key, value in place.items() if key != "description"}
        place.clear()
        place.update({"description": meaning} | rest)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    README.write_text(readme())
    SCHEMA.write_text(schema())
