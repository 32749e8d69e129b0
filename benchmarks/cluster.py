"""A cluster whose objects change only on request: `python -m benchmarks.cluster --objects 30000 [pods] [e2e]`.

It is simulated; with `e2e` it is the API server of `make e2e`. One line of JSON has the path of its kubeconfig, and as
`control` a URL: a POST to `/?changes=100&seconds=0.01` changes the status of so many objects all over the cluster, and
waits for so many seconds after each. It is answered when all are written.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.engine import Engine

Object = dict[str, Any]
Update = Callable[[str, Object], object]


def simulated(store: ObjectStore, folder: Path, stack: ExitStack) -> tuple[Path, Update]:
    server = ApiServer(store)
    server.start()
    stack.callback(server.stop)
    return kubeconfig(server.url, folder), store.update


def kubeconfig(server: str, folder: Path) -> Path:
    """Write a kubeconfig for an address, and return its path."""
    context = {"name": "a", "context": {"cluster": "a"}}
    config = {"clusters": [{"name": "a", "cluster": {"server": server}}], "contexts": [context]}
    (folder / "kubeconfig").write_text(json.dumps(config | {"current-context": "a"}))
    return folder / "kubeconfig"


def real(objects: list[tuple[str, Object]], folder: Path, stack: ExitStack) -> tuple[Path, Update]:
    """Copy these objects to an API server of their own."""
    from tests.e2e import binaries
    from tests.e2e.api import CONNECTIONS, MERGE_PATCH
    from tests.e2e.cluster import Cluster
    from tests.e2e.control_plane import ControlPlane
    from tests.e2e.rays import API, RAY_DEFINITIONS

    plane = ControlPlane(folder, programs := binaries.build())
    stack.callback(plane.stop)
    plane.start()
    api = plane.api_server.api

    def update(plural: str, obj: Object) -> None:
        path = f"{API}/namespaces/{obj['metadata']['namespace']}/{plural}/{obj['metadata']['name']}/status"
        api.call("PATCH", path, {"status": obj.get("status", {})}, content_type=MERGE_PATCH)

    def create(plural: str, obj: Object) -> None:
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace", "labels") if key in obj["metadata"]}
        api.call("POST", f"{API}/namespaces/{metadata['namespace']}/{plural}", {**obj, "metadata": metadata})
        update(plural, obj)

    stack.enter_context(Cluster(api, programs / "kubectl", plane.kubeconfig, plane).installed(RAY_DEFINITIONS))
    for namespace in {obj["metadata"]["namespace"] for _, obj in objects} - {"default"}:
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(create, *zip(*objects, strict=True)))
    return plane.kubeconfig, update


def server(objects: list[tuple[str, Object]], update: Update) -> HTTPServer:
    """Return what changes objects on request."""
    # Far from each other, so that changes are all over the pages of an exporter.
    numbered = enumerate(cycle([objects[place * 7919 % len(objects)] for place in range(len(objects))]))

    class Control(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            for number, (plural, obj) in islice(numbered, int(query["changes"])):
                # As of a usual update, two or three families of each kind change.
                at = f"2027-01-15T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
                status = {"readyWorkerReplicas": number, "jobStatus": f"S{number}", "numServeEndpoints": number}
                conditions = [
                    {**condition, "lastTransitionTime": at} for condition in obj.get("status", {}).get("conditions", [])
                ]
                update(
                    plural,
                    {**obj, "status": {**obj.get("status", {}), **status, "endTime": at, "conditions": conditions}},
                )
                time.sleep(float(query.get("seconds", 0)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    return HTTPServer(("127.0.0.1", 0), Control)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("features", nargs="*", help="pods: also pods and Events, in a simulated cluster; e2e")
    arguments = parser.parse_args()
    # Stops the servers, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    store = ObjectStore()
    engine = Engine(store, seed=1, speed=1, objects=arguments.objects, with_pods="pods" in arguments.features)
    engine.populate(lambda _made, _wanted: None)
    plurals = ("rayclusters", "rayjobs", "rayservices")
    objects = [(plural, json.loads(event.body)) for plural in plurals for event in store.page(plural).items]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        is_real = "e2e" in arguments.features
        kubeconfig, update = real(objects, folder, stack) if is_real else simulated(store, folder, stack)
        control = server(objects, update)
        line = {"kubeconfig": str(kubeconfig), "control": f"http://127.0.0.1:{control.server_port}"}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            control.serve_forever()


if __name__ == "__main__":
    main()
