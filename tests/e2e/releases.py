"""The chart as it is installed: rendered by helm, applied by the API server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.e2e.cluster import Account, Cluster
from tests.support.helm_chart import Rendered, template

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
"""Labels of a namespace that takes no pod beyond the restricted standard, and warns of what would make one."""


class Release(NamedTuple):
    """An installed chart."""

    rendered: Rendered
    account: Account

    @property
    def arguments(self) -> list[str]:
        """The exporter's, as its container has them, without the command."""
        arguments: list[str] = self.rendered.container["args"]
        assert arguments[0] == "serve"
        return arguments[1:]


def render(values: dict[str, Any], namespace: str, *arguments: str) -> Rendered:
    """Render the chart into a namespace.

    What has no namespace is named after it, so that it meets nothing that a given cluster has already; and
    nothing is started there.
    """
    ours = {"fullnameOverride": namespace, "replicas": 0}
    return template(values | ours, "--namespace", namespace, *arguments)


@contextmanager
def installed(cluster: Cluster, values: dict[str, Any], namespace: str) -> Iterator[Release]:
    """The chart with these values, until the block ends."""
    rendered = render(values, namespace, "--skip-tests")
    try:
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=rendered.text)
        yield Release(rendered, Account(cluster, namespace, rendered.pod["serviceAccountName"]))
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=rendered.text)
