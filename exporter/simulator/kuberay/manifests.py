"""Specs as users write them: pod templates, worker groups, Serve configurations.

They make an object as large as a real one; 40 % of it is managedFields. Equal parts are created once and shared:
otherwise 30,000 objects would need gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from exporter.simulator.kuberay.simulated_object import JSON

# The maximum of CalculateMaxReplicas, for a worker group without a limit.
NO_LIMIT: Final = 2147483647

_PORTS: Final = (("gcs-server", 6379), ("dashboard", 8265), ("client", 10001), ("serve", 8000))


@dataclass(frozen=True)
class Shape:
    """The size of a RayCluster: one head and one group of workers. Memory in GiB, CPU in thousandths."""

    version: str = "2.52.0"
    head_milli: int = 1000
    head_memory: int = 2
    worker_milli: int = 500
    worker_memory: int = 1
    gpus: int = 0
    replicas: int = 1
    min_replicas: int = 0
    max_replicas: int = 10
    autoscaling: bool = False

    def scaled(self, replicas: int) -> Shape:
        return replace(self, replicas=replicas)

    @property
    def group(self) -> str:
        """The name of the group of workers."""
        return "gpu-group" if self.gpus else "small-group"

    @property
    def desired_cpu(self) -> str:
        return _cpu(self.head_milli + self.replicas * self.worker_milli)

    @property
    def desired_memory(self) -> str:
        return f"{self.head_memory + self.replicas * self.worker_memory}Gi"

    @property
    def desired_gpu(self) -> str:
        return str(self.replicas * self.gpus)


class Manifests:
    """Creates specs. Their equal parts are the same object, so the caller must not change them.

    `cluster_fields` is fieldsV1 of a RayCluster's spec by field; `job_fields` and `service_fields` are
    those of a spec that carries a whole cluster spec.
    """

    def __init__(self) -> None:
        self.cluster_fields = _cluster_fields()
        inner = {".": {}, **self.cluster_fields, "f:rayVersion": {}, "f:workerGroupSpecs": {}}
        inner["f:headGroupSpec"] = inner.pop("headGroupSpec")
        self.job_fields: JSON = {"rayClusterSpec": inner}
        self.service_fields: JSON = {"rayClusterConfig": inner}
        self._made: dict[tuple[object, ...], JSON] = {}

    def cluster_spec(self, shape: Shape, *, filled: bool = False) -> JSON:
        """Return the spec of a RayCluster, with the defaults that the operator sets if `filled`."""
        spec: JSON = {
            "headGroupSpec": self._head_group(shape, filled),
            "rayVersion": shape.version,
            "workerGroupSpecs": [self.worker_group(shape, filled=filled)],
        }
        if shape.autoscaling:
            spec["autoscalerOptions"] = {"idleTimeoutSeconds": 60, "upscalingMode": "Default"}
            spec["enableInTreeAutoscaling"] = True
        return spec

    def worker_group(self, shape: Shape, *, filled: bool = False) -> JSON:
        group: JSON = {
            "groupName": shape.group,
            "maxReplicas": shape.max_replicas,
            "minReplicas": shape.min_replicas,
            "numOfHosts": 1,
            "priority": 0,
            "rayStartParams": {},
            "replicas": shape.replicas,
            "template": self._worker_template(shape, filled),
        }
        if filled:
            group["scaleStrategy"] = {}
        return group

    def _head_group(self, shape: Shape, filled: bool) -> JSON:
        key = ("head", shape.version, shape.head_milli, shape.head_memory, filled)
        return self._once(key, lambda: _head_group(shape, filled))

    def _worker_template(self, shape: Shape, filled: bool) -> JSON:
        key = ("worker", shape.version, shape.worker_milli, shape.worker_memory, shape.gpus, filled)
        return self._once(key, lambda: _template(_worker_pod(shape), filled))

    def _once(self, key: tuple[object, ...], make: Callable[[], JSON]) -> JSON:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def serve_config(app: str, deployments: tuple[str, ...]) -> str:
    """Return `serveConfigV2` of one application, as YAML."""
    lines = [
        "applications:",
        f"  - name: {app}",
        f"    import_path: {app}.app:graph",
        f"    route_prefix: /{app}",
        "    runtime_env:",
        '      working_dir: "https://github.com/ray-project/test_dag/archive/78b4a5da38796123.zip"',
        "    deployments:",
    ]
    for deployment in deployments:
        lines += [f"      - name: {deployment}", "        num_replicas: 2"]
    return "\n".join(lines) + "\n"


def runtime_env() -> str:
    """Return `runtimeEnvYAML` of a job."""
    return 'pip:\n  - requests==2.32.3\nenv_vars:\n  counter_name: "test_counter"\n'


def _template(pod: JSON, filled: bool) -> JSON:
    return {"metadata": {}, "spec": pod} if filled else {"spec": pod}


def _head_group(shape: Shape, filled: bool) -> JSON:
    return {
        "rayStartParams": {"dashboard-host": "0.0.0.0"},
        "serviceType": "ClusterIP",
        "template": _template(_head_pod(shape), filled),
    }


def _head_pod(shape: Shape) -> JSON:
    container = {
        "env": [{"name": "RAY_GRAFANA_HOST", "value": "http://grafana.monitoring:3000"}],
        "image": image(shape, with_gpu=False),
        "name": "ray-head",
        "ports": [{"containerPort": port, "name": name, "protocol": "TCP"} for name, port in _PORTS],
        "resources": resources(shape.head_milli, shape.head_memory, 0),
        "volumeMounts": [{"mountPath": "/var/log/ray", "name": "ray-logs"}],
    }
    return {"containers": [container], "volumes": [{"emptyDir": {}, "name": "ray-logs"}]}


def _worker_pod(shape: Shape) -> JSON:
    amounts = resources(shape.worker_milli, shape.worker_memory, shape.gpus)
    return {
        "containers": [{"image": image(shape, with_gpu=bool(shape.gpus)), "name": "ray-worker", "resources": amounts}]
    }


def image(shape: Shape, *, with_gpu: bool) -> str:
    """Return the image of a head or worker."""
    return f"rayproject/ray:{shape.version}" + ("-gpu" if with_gpu else "")


def resources(milli: int, memory: int, gpus: int) -> JSON:
    """Return limits and requests, which are equal: CPU in thousandths, memory in GiB."""
    amounts = {"cpu": _cpu(milli), "memory": f"{memory}Gi"}
    if gpus:
        amounts["nvidia.com/gpu"] = str(gpus)
    return {"limits": amounts, "requests": amounts}


def _cpu(milli: int) -> str:
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def _cluster_fields() -> JSON:
    ports: JSON = {
        f'k:{{"containerPort":{port},"protocol":"TCP"}}': {
            ".": {},
            "f:containerPort": {},
            "f:name": {},
            "f:protocol": {},
        }
        for _, port in _PORTS
    }
    amounts: JSON = {".": {}, "f:cpu": {}, "f:memory": {}}
    container = {
        ".": {},
        "f:env": {".": {}, 'k:{"name":"RAY_GRAFANA_HOST"}': {".": {}, "f:name": {}, "f:value": {}}},
        "f:image": {},
        "f:name": {},
        "f:ports": {".": {}, **ports},
        "f:resources": {".": {}, "f:limits": amounts, "f:requests": amounts},
        "f:volumeMounts": {
            ".": {},
            'k:{"mountPath":"/var/log/ray"}': {".": {}, "f:mountPath": {}, "f:name": {}},
        },
    }
    volumes: JSON = {".": {}, 'k:{"name":"ray-logs"}': {".": {}, "f:emptyDir": {}, "f:name": {}}}
    pod = {
        ".": {},
        "f:containers": {".": {}, 'k:{"name":"ray-head"}': container},
        "f:volumes": volumes,
    }
    head = {
        ".": {},
        "f:rayStartParams": {".": {}, "f:dashboard-host": {}},
        "f:serviceType": {},
        "f:template": {".": {}, "f:spec": pod},
    }
    return {"headGroupSpec": head}
