"""The chart as helm renders it. HELM names the helm to use: `make chart` builds one."""

import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "kuberay-exporter"
GOLDENS = ROOT / "tests" / "testdata" / "chart"

RELEASE, NAMESPACE = "kuberay-exporter", "monitoring"


class Rendered(NamedTuple):
    """The objects of one rendering, and the text that they were read from."""

    objects: list[dict[str, Any]]
    text: str

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [thing for thing in self.objects if thing["kind"] in kinds]

    def one(self, kind: str) -> dict[str, Any]:
        (thing,) = self.of(kind)
        return thing

    @property
    def pod(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.of("Deployment")[0]["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> dict[str, Any]:
        (container,) = [each for each in self.pod["containers"] if each["name"] == "kuberay-exporter"]
        return dict(container)

    @property
    def flags(self) -> dict[str, str]:
        """The exporter's flags that have a value."""
        return dict(argument.split("=", 1) for argument in self.container["args"] if "=" in argument)


def value_sets() -> dict[str, Path]:
    """Return the documented sets of values by name."""
    return {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}


def helm(*arguments: str | Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run helm, which knows of no cluster and no user."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": os.devnull}
    return subprocess.run(
        [os.environ["HELM"], *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )


def try_template(values: dict[str, Any] | Path, *arguments: str | Path, chart: Path = CHART) -> Any:
    """Render the chart with values from a file or from a dictionary, whatever comes of it."""
    text = values.read_text() if isinstance(values, Path) else yaml.safe_dump(values)
    return helm("template", RELEASE, chart, "--namespace", NAMESPACE, "--values", "-", *arguments, stdin=text)


def template(values: dict[str, Any] | Path, *arguments: str | Path, chart: Path = CHART) -> Rendered:
    result = try_template(values, *arguments, chart=chart)
    assert result.returncode == 0, result.stderr
    return Rendered([thing for thing in yaml.safe_load_all(result.stdout) if thing], result.stdout)


def refusal(values: dict[str, Any]) -> str:
    """Return why helm does not render these values."""
    result = try_template(values)
    assert result.returncode != 0
    return str(result.stderr)
