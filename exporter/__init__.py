"""kuberay-exporter: KubeRay's custom resources as Prometheus metrics."""

__version__ = "0.1.0"
