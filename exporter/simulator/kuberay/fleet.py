"""The tenants of the simulated cluster, and random values for their objects: names, sizes, versions, addresses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from exporter.simulator.kuberay.manifests import NO_LIMIT, Shape
from exporter.simulator.kuberay.world import World

_TEAMS: Final = (
    ("team-vision", "vision", "0042", "gpu-queue"),
    ("team-nlp", "nlp", "0043", "user-queue"),
    ("ml-platform", "platform", "0007", "platform-queue"),
    ("recsys", "recsys", "0051", "gpu-queue"),
    ("forecasting", "forecasting", "0060", "batch-queue"),
    ("default", "", "", ""),
)
_TEAM_WEIGHTS: Final = (5, 5, 4, 3, 2, 1)

_CLUSTERS: Final = ("notebook", "interactive-dev", "team-dev", "feature-lab", "sweeps", "data-explore")
_JOBS: Final = (
    "train-llm",
    "finetune-mistral",
    "batch-infer",
    "embed-corpus",
    "nightly-etl",
    "hpo-sweep",
    "eval-suite",
    "tokenize",
    "rank-candidates",
    "rayjob-sample",
)
_SERVICES: Final = ("llm-serve", "summarizer", "stable-diffusion", "rerank", "speech-to-text", "embeddings")
_CRON_JOBS: Final = ("drift-check", "feature-refresh", "nightly-report", "index-rebuild")
_VERSIONS: Final = ("2.46.0", "2.49.2", "2.52.0", "2.53.0")
_MANAGERS: Final = ("kubectl-client-side-apply", "argocd-controller", "OpenAPI-Generator", "helm")

FOREIGN_FINALIZER: Final = "platform.example.com/bill-before-deletion"
"""The finalizer of another controller, which is not installed any more."""


@dataclass(frozen=True)
class Tenant:
    """A team with its namespace, its labels, its Kueue queue, and the client with which it applies manifests."""

    namespace: str
    team: str
    cost_center: str
    queue: str
    manager: str

    def labels(self, *, queued: bool = False) -> dict[str, str]:
        """Return the labels of an object; the default namespace has none, and only queued objects name a queue."""
        labels = {}
        if self.team:
            labels["team"] = self.team
            labels["cost-center"] = self.cost_center
        if queued:
            labels["kueue.x-k8s.io/queue-name"] = self.queue or "user-queue"
        return labels


def random_tenant(world: World) -> Tenant:
    """Return a team, the large ones more often."""
    (team,) = world.random.choices(_TEAMS, _TEAM_WEIGHTS)
    return Tenant(*team, manager=world.random.choice(_MANAGERS))


def random_shape(world: World, *, workers: int | None = None, autoscaling: bool = False) -> Shape:
    """Return the size of a cluster: a quarter have GPUs, a fifth of the autoscaled ones have no upper limit."""
    random = world.random
    replicas = random.choice((1, 1, 2, 2, 3, 4, 8)) if workers is None else workers
    limit = NO_LIMIT if autoscaling and random.random() < 0.2 else max(10, 2 * replicas)
    return Shape(
        version=random.choice(_VERSIONS),
        head_milli=random.choice((1000, 2000, 4000)),
        head_memory=random.choice((2, 4, 8)),
        worker_milli=random.choice((500, 2000, 8000)),
        worker_memory=random.choice((1, 4, 16)),
        gpus=1 if random.random() < 0.25 else 0,
        replicas=replicas,
        min_replicas=random.choice((0, 1)) if autoscaling and replicas else 0,
        max_replicas=limit,
        autoscaling=autoscaling,
    )


def cluster_name_prefix(world: World) -> str:
    """Return a name as users give it to a cluster."""
    return world.random.choice(_CLUSTERS)


def job_name_prefix(world: World) -> str:
    """Return a name as users give it to a job."""
    return world.random.choice(_JOBS)


def service_name_prefix(world: World) -> str:
    """Return a name as users give it to a service."""
    return world.random.choice(_SERVICES)


def cron_job_name_prefix(world: World) -> str:
    """Return a name as users give it to a cron job."""
    return world.random.choice(_CRON_JOBS)


def random_ip(world: World) -> str:
    """Return an address of a private network."""
    return f"10.{world.random.randrange(64)}.{world.random.randrange(256)}.{world.random.randrange(1, 255)}"


def with_other_version(world: World, shape: Shape) -> Shape:
    """Return the same size with another Ray version."""
    version = world.random.choice([version for version in _VERSIONS if version != shape.version])
    return replace(shape, version=version)
