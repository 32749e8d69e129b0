"""The `demo` command: a simulated KubeRay cluster in this process, and the exporter on it.

Only this module imports the simulator, and only the `demo` command imports this module: `serve` loads neither.
"""

import functools
import os
import shutil
import socket
import sys

import click

from exporter.app import serve
from exporter.config import Address, Config
from exporter.kube.client.access import anonymous
from exporter.simulator.api_conventions import EVENTS, PODS, WORKLOADS
from exporter.simulator.cluster import SimulatedCluster

BANNER = """\
A simulated KubeRay cluster with {objects} objects, and the exporter on it:

{addresses}

What is not healthy, and why:

  {command} explain --server {api}

Examples, for curl -s {exporter}/metrics | grep …

  kuberay_job_deployment_status             states of jobs; Retrying lasts seconds
  kuberay_job_execution_duration_seconds    durations of attempts; each retry has its own
  kuberay_job_failure                       reasons of failed jobs, recently deleted ones included
  'provisioned{{condition="false"'            clusters that are not ready, some for hours
  kuberay_service_traffic_routed_ratio      services in an incremental upgrade
  kuberay_jobs_finished_total               finished jobs since the start, by namespace
  kuberay_pod_status                        why pods do not run: Unschedulable, ImagePullBackOff
  kuberay_event_last_timestamp_seconds      Warnings of the last hour, by object and reason
  kuberay_exporter_                         the exporter's own metrics

Ctrl-C ends it.
"""


def addresses(exporter: str, api: str, *, has_web_ui: bool) -> str:
    """Return what can be opened, one line each: the page for a browser first."""
    page = (f"{exporter}/", "a page for a browser: every object, and why it is not healthy")
    metrics = (f"{exporter}/metrics", "the metrics")
    objects = (f"{exporter}/api/v1/objects", "the objects with their findings")
    jobs = (f"{api}/apis/ray.io/v1/rayjobs", "the RayJobs in the simulated API")
    rows = [page, metrics, objects, jobs] if has_web_ui else [metrics, jobs]
    width = max(len(address) for address, _ in rows)
    return "\n".join(f"  {address:{width}}  {what}" for address, what in rows)


def free_address(address: Address) -> Address:
    """Return the address, or one with a free port if it is in use; say so on standard error."""
    try:
        socket.create_server(address).close()
    except OSError:
        click.echo(f"{address.host}:{address.port} is in use, so the demo uses a free port.", err=True)
        return Address(address.host, 0)
    return address


def run(config: Config, *, seed: int, speed: float, objects: int) -> None:
    """Create the cluster and serve its metrics, until SIGINT or SIGTERM."""
    # For large clusters these need several times as much memory as the custom resources.
    with_pods = not {EVENTS, PODS}.isdisjoint(config.collectors)
    with_workloads = WORKLOADS in config.collectors
    cluster = SimulatedCluster(
        seed=seed, speed=speed, objects=objects, with_pods=with_pods, with_workloads=with_workloads
    )
    with click.progressbar(length=objects, label="Creating the cluster", file=sys.stderr) as bar:
        cluster.populate(lambda made, _: bar.update(made - bar.pos))
    with cluster:

        def announce(address: str) -> None:
            exporter, api = f"http://{address}", cluster.url
            shown = addresses(exporter, api, has_web_ui=config.has_web_ui)
            command = own_command()
            click.echo(
                BANNER.format(objects=cluster.objects, addresses=shown, exporter=exporter, api=api, command=command)
            )

        serve(config, functools.partial(anonymous, cluster.url), announce)


def own_command() -> str:
    """Return what runs another command of this program: its script if it is on the PATH, else this Python."""
    if shutil.which("kuberay-exporter"):
        return "kuberay-exporter"
    python = os.path.relpath(sys.executable)
    return f"{sys.executable if python.startswith(os.pardir) else python} -m exporter"
