"""`kuberay-exporter demo` as a process."""

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from exporter.collectors.pod import PODS
from tests.support.commands import COMMAND, environment
from tests.support.watching import wait_until

NOT_SIMULATED = {
    "kuberay_cluster_group_scale_gate",  # a field that KubeRay v1.7 does not have
    "kuberay_cluster_desired_resource_claims",  # no pod template has any
    "kuberay_cluster_requested_tpu_seconds_total",
    "kuberay_clusters_requested_tpu_seconds_total",
    *(row.name for row in (*PODS.rows, *PODS.lifecycle)),
}
"""Families of which the demo never has a series."""


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def is_ready(url: str) -> bool:
    """Return whether `/metrics` answers, and not with 503."""
    try:
        return bool(get(url))
    except OSError:
        return False


@contextmanager
def demo(*arguments: str) -> Iterator[str]:
    """Run the demo on a free port of loopback; yield the address of its `/metrics`."""
    command = [*COMMAND, "demo", "--metrics-addr", "127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout
            yield next(line.split()[0] for line in process.stdout if "/metrics" in line)
        finally:
            process.terminate()
            wait_until(lambda: process.poll() is not None, "ended")
