"""A real Prometheus, curl and openssl as clients of a protected exporter."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.simulator.apiserver.store import ObjectStore
from tests.support.certificates import Certificates
from tests.support.processes import Process, get, serving, write_kubeconfig
from tests.support.prometheus_process import prometheus, query
from tests.support.reviewing import PROMETHEUS, ReviewServer
from tests.support.watching import job, wait_until
from tests.support.web_configs import PASSWORD, client_context, hashed, server_section, write_web_config

TOKEN = "token-of-prometheus"
VERIFYING = "RequireAndVerifyClientCert"
TIMEOUT_SECONDS = 30


@pytest.fixture
def server() -> Iterator[ReviewServer]:
    with ReviewServer(ObjectStore()) as server:
        server.store.create("rayjobs", job("a"))
        server.users[TOKEN] = PROMETHEUS
        server.allowed.add((PROMETHEUS, "/metrics"))
        yield server


def protected(server: ReviewServer, folder: Path, sections: dict[str, Any], *flags: str) -> Any:
    """Run an exporter with a web configuration, and probes on a port of their own."""
    kubeconfig = write_kubeconfig(folder / "kubeconfig", server.url)
    web_config = write_web_config(folder / "web.yaml", **sections)
    probes = ("--health-probe-bind-address", "127.0.0.1:0")
    return serving(kubeconfig, "--web-config-file", str(web_config), *probes, *flags, listeners=2)


def wait_until_ready(process: Process) -> None:
    wait_until(lambda: process.get("/readyz", listener=1).status == 200, "ready")


def scrape_configuration(folder: Path, process: Process, **settings: Any) -> Path:
    scrape = {
        "job_name": "kuberay-exporter",
        "honor_labels": True,
        "scheme": "https",
        "static_configs": [{"targets": [process.addresses()[0]]}],
        **settings,
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}))
    return path


FORMS = {
    "tls_config": ({}, (), {}, "client"),
    "basic_auth": (
        {"basic_auth_users": {"prometheus": hashed(cost=10)}},
        (),
        {"basic_auth": {"username": "prometheus", "password": PASSWORD}},
        None,
    ),
    "bearer token": ({}, ("--metrics-auth", "kubernetes"), {"authorization": {"credentials": TOKEN}}, None),
}


@pytest.mark.parametrize(("sections", "flags", "settings", "client"), FORMS.values(), ids=FORMS)
def test_prometheus_scrapes(
    server: ReviewServer,
    certificates: Certificates,
    tmp_path: Path,
    sections: dict[str, Any],
    flags: tuple[str, ...],
    settings: dict[str, Any],
    client: str | None,
) -> None:
    """And without its credentials it does not."""
    tls: dict[str, Any] = {"ca_file": str(certificates.authority)}
    verifying: dict[str, Any] = {}
    if client:
        verifying = {"client_ca_file": str(certificates.authority), "client_auth_type": VERIFYING}
        certificate, key = certificates.pair(client)
        settings = {"tls_config": tls | {"cert_file": str(certificate), "key_file": str(key)}}
    sections = sections | {"tls_server_config": server_section(certificates, **verifying)}
    with protected(server, tmp_path, sections, *flags) as process:
        wait_until_ready(process)
        for own, up in ((settings, "1"), ({}, "0")):
            configuration = scrape_configuration(tmp_path, process, **({"tls_config": tls} | own))
            folder = tmp_path / f"up-{up}"
            folder.mkdir()
            with prometheus(configuration, folder) as url:
                wait_until(lambda u=url, n=up: query(u, f"up == {n}"), "scraped", TIMEOUT_SECONDS)  # type: ignore[misc]
                assert bool(query(url, "kuberay_job_info")) == (up == "1")


def run(*command: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)


def test_curl_gets_metrics_with_a_password_over_tls_only(
    server: ReviewServer, certificates: Certificates, tmp_path: Path
) -> None:
    sections = {"tls_server_config": server_section(certificates), "basic_auth_users": {"alice": hashed()}}
    with protected(server, tmp_path, sections) as process:
        wait_until_ready(process)
        address = process.addresses()[0]
        curl = ("curl", "-sS", "--cacert", str(certificates.authority), "-w", "%{http_code} %{http_version}")
        allowed = run(*curl, "--compressed", "-u", f"alice:{PASSWORD}", f"https://{address}/metrics")
        assert allowed.stdout.endswith("200 1.1")
        assert "kuberay_job_info" in allowed.stdout
        for options in ((), ("-u", "alice:wrong"), ("--http2",), ("-X", "TRACE"), ("--path-as-is", "-H", "Host: x")):
            refused = run(*curl, *options, f"https://{address}/healthz/../metrics")
            assert refused.stdout == "unauthorized\n401 1.1"
        assert run(*curl, f"http://{address}/metrics").returncode != 0


@pytest.mark.parametrize(
    ("options", "is_served"),
    [
        (("-tls1_3",), True),
        (("-tls1_2",), True),
        (("-tls1_1",), False),
        (("-tls1",), False),
        (("-tls1_2", "-cipher", "NULL:eNULL:aNULL:RC4:3DES:@SECLEVEL=0"), False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_openssl_connects_with_secure_versions_only(
    server: ReviewServer, certificates: Certificates, tmp_path: Path, options: tuple[str, ...], is_served: bool
) -> None:
    with protected(server, tmp_path, {"tls_server_config": server_section(certificates)}) as process:
        client = ("openssl", "s_client", "-brief", "-verify_return_error", "-CAfile", str(certificates.authority))
        result = run(*client, *options, "-connect", process.addresses()[0], stdin="")
        assert ("CONNECTION ESTABLISHED" in result.stderr) == is_served


def test_openssl_cannot_renegotiate(server: ReviewServer, certificates: Certificates, tmp_path: Path) -> None:
    """A client could make the server compute without end."""
    with protected(server, tmp_path, {"tls_server_config": server_section(certificates)}) as process:
        wait_until_ready(process)
        client = ("openssl", "s_client", "-tls1_2", "-connect", process.addresses()[0])
        with subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as popen:
            assert popen.stdin
            assert popen.stdout
            wait_until(lambda: b"Verify return code" in popen.stdout.readline())  # type: ignore[union-attr]
            popen.stdin.write(b"R\n")
            popen.stdin.flush()
            _, errors = popen.communicate(timeout=TIMEOUT_SECONDS)
        assert b"no renegotiation" in errors
        context: ssl.SSLContext = client_context(certificates)
        assert get(process.address(), "/healthz", context).status == 200
