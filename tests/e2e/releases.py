"""Installations of the chart: rendered by helm, applied to the API server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.e2e.cluster import Account, Cluster
from tests.support.helm_chart import Rendered, template

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
"""Labels of a namespace that admits only restricted pods, and warns about objects that would create others."""


class Release(NamedTuple):
    """An installed chart."""

    rendered: Rendered
    account: Account

    @property
    def arguments(self) -> list[str]:
        """The exporter's arguments in its container, without the command."""
        arguments: list[str] = self.rendered.container["args"]
        assert arguments[0] == "serve"
        return arguments[1:]


def render(values: dict[str, Any], namespace: str, *arguments: str) -> Rendered:
    """Render the chart into a namespace.

    Cluster-wide objects are named after the namespace, so that they differ from those of a given cluster. No pod is
    started.
    """
    ours = {"fullnameOverride": namespace, "namespaceOverride": namespace, "replicas": 0}
    return template(values | ours, "--namespace", namespace, *arguments)


@contextmanager
def installed(cluster: Cluster, values: dict[str, Any], namespace: str) -> Iterator[Release]:
    """Install the chart with these values until the end of the block."""
    rendered = render(values, namespace, "--skip-tests")
    try:
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=rendered.text)
        yield Release(rendered, Account(cluster, namespace, rendered.pod["serviceAccountName"]))
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=rendered.text)
