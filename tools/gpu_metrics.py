"""Made-up measurements of GPUs for the demo's clusters, as Ray and dcgm-exporter would give them, for `make stack`.

The demo has no GPUs, so the dashboard *KubeRay / Utilisation* would be empty. Each worker pod of a cluster that
requests GPUs has one: in every third cluster idle, in the others busy. Like `stack`, it needs no package of its own.
"""

import re
import threading
import urllib.request
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LINE = re.compile(r"^(\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def measured(exposition: str) -> str:
    """Return the text that Prometheus scrapes, from what the exporter prints of the same moment."""
    series = [(name, dict(_LABEL.findall(labels)), value) for name, labels, value in _LINE.findall(exposition)]
    with_gpus = {
        (labels["namespace"], labels["name"])
        for name, labels, value in series
        if name == "kuberay_cluster_desired_gpus" and float(value) > 0
    }
    lines = []
    for name, labels, _ in series:
        if name != "kuberay_pod_info" or labels["node_type"] != "worker":
            continue
        namespace, cluster, pod = labels["namespace"], labels["ray_io_cluster"], labels["pod"]
        if (namespace, cluster) in with_gpus:
            number = zlib.crc32(f"{namespace}/{cluster}".encode())
            use = 0 if number % 3 == 0 else 40 + number % 60
            where = f'namespace="{namespace}",pod="{pod}"'
            lines.append(f'ray_node_gpus_utilization{{{where},ray_io_cluster="{cluster}",GpuIndex="0"}} {use}')
            lines.append(f'DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{where},UUID="GPU-{zlib.crc32(pod.encode())}"}} {use / 100}')
    return "\n".join([*sorted(lines), ""])


def serve(exporter: str) -> ThreadingHTTPServer:
    """Start to serve the measurements of an exporter's demo, by its address, on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with urllib.request.urlopen(f"http://{exporter}/metrics", timeout=10) as answer:
                body = measured(answer.read().decode()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
