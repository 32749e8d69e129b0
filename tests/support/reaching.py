"""An API server over TLS, a kubeconfig that leads to it, and requests through the exporter's transport."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exporter.kube.client.access_loader import AccessLoader
from exporter.kube.client.api_transport import ApiTransport
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.certificates import Pair, issue
from tests.support.faults import FaultServer

PATH = "/apis/ray.io/v1/rayjobs"

# Made once: keys take time.
ROOT = issue("root", is_authority=True)
SERVED = issue("api", ROOT)


@contextmanager
def tls_server(served: Pair = SERVED, *, clients_by: Pair | None = None) -> Iterator[FaultServer]:
    with FaultServer(ObjectStore(), ssl_context=served.server_context(clients_by=clients_by)) as server:
        yield server


def data(text: str) -> str:
    """Return a text as the `…-data` keys of a kubeconfig hold it."""
    return base64.b64encode(text.encode()).decode()


def kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None, /, **cluster: Any) -> str:
    """Write a kubeconfig with one context and return its path; a server over TLS is trusted by the usual root."""
    own = {key.replace("_", "-"): value for key, value in cluster.items()}
    is_trusting = not own.keys() & {"certificate-authority", "insecure-skip-tls-verify"}
    trust = {"certificate-authority-data": data(ROOT.certificate_pem)} if is_trusting else {}
    given = {"server": server, **trust, **own}
    path.write_text(
        json.dumps(
            {
                "current-context": "one",
                "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {key: value for key, value in given.items() if value != ""}}],
                "users": [{"name": "u", "user": user or {}}],
            }
        )
    )
    return str(path)


def transport_of(path: str | Path, context: str | None = None) -> ApiTransport:
    return ApiTransport(AccessLoader(str(path), context), connections=1)


def get(transport: ApiTransport, seconds: float = 5) -> int:
    """Send one request; return the status of its answer."""
    response = transport.get(PATH, {"limit": "1"}, read_timeout_seconds=seconds)
    response.read()
    response.close()
    return response.status


def authorizations(server: FaultServer) -> list[str | None]:
    return [request.headers.get("authorization") for request in server.requests]
