"""`serve` with a web configuration or with --metrics-auth: the process, its ports and its log."""

import signal
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from exporter.simulator.apiserver.store import ObjectStore
from exporter.web.auth.web_config_file import CHECK_SECONDS
from tests.support.certificates import Certificates
from tests.support.commands import error_line, run
from tests.support.processes import HttpAnswer, Process, get, serving, value, write_kubeconfig
from tests.support.reviewing import PROMETHEUS, ReviewServer
from tests.support.watching import job, wait_until
from tests.support.web_configs import PASSWORD, basic, client_context, hashed, server_section, write_web_config

TOKEN = "token-of-prometheus"
PROBES = ("--health-probe-bind-address", "127.0.0.1:0")


@pytest.fixture
def server() -> Iterator[ReviewServer]:
    with ReviewServer(ObjectStore()) as server:
        server.store.create("rayjobs", job("secret-project"))
        server.users[TOKEN] = PROMETHEUS
        server.allowed.add((PROMETHEUS, "/metrics"))
        yield server


@pytest.fixture
def kubeconfig(server: ReviewServer, tmp_path: Path) -> Path:
    return write_kubeconfig(tmp_path / "kubeconfig", server.url)


def wait_until_ready(process: Process, context: ssl.SSLContext | None = None, listener: int = 0) -> None:
    wait_until(lambda: get(process.address(listener), "/readyz", context).status == 200, "ready", every_seconds=0.02)


def bearer(process: Process, token: str, path: str = "/metrics") -> HttpAnswer:
    return get(process.address(), path, Authorization=f"Bearer {token}")


def test_tls_and_users(kubeconfig: Path, certificates: Certificates, tmp_path: Path) -> None:
    """Series for who has a password, over TLS alone; the probes stay plain on their own listener, and say nothing."""
    web_config = write_web_config(
        tmp_path / "web.yaml",
        tls_server_config=server_section(certificates),
        basic_auth_users={"alice": hashed()},
        http_server_config={"headers": {"X-Frame-Options": "deny"}},
    )
    context = client_context(certificates)
    with serving(kubeconfig, "--web-config-file", str(web_config), *PROBES, listeners=2) as process:
        wait_until_ready(process, listener=1)
        answer = get(process.address(), "/metrics", context, Authorization=basic("alice"))
        assert b'name="secret-project"' in answer.body
        assert answer.headers["x-frame-options"] == "deny"
        assert value(answer.body, "kuberay_exporter_web_config_last_reload_successful") == 1
        assert get(process.address(), "/metrics", context).status == 401
        assert get(process.address(), "/", context, Authorization=basic("alice", "wrong")).status == 401
        assert get(process.address(), "/readyz", context).body == b"ok\n"
        assert get(process.address(1), "/metrics").status == 404
        with pytest.raises((OSError, HTTPException)):
            get(process.address(), "/readyz")
        assert process.end(signal.SIGTERM) == 0


def test_probes_give_no_reason_to_anonymous_clients(server: ReviewServer, kubeconfig: Path, tmp_path: Path) -> None:
    """A reason has the names of kinds; without a filter it is there."""
    server.answer_next(403, b"{}", verb="list", plural="rayjobs", times=None)
    web_config = write_web_config(tmp_path / "web.yaml", basic_auth_users={"alice": hashed()})
    flags: list[str]
    for flags, body in ([], b"ok, without rayjobs: "), (["--web-config-file", str(web_config)], b"ok\n"):
        with serving(kubeconfig, *flags, "--collectors", "rayclusters,rayjobs") as process:
            wait_until_ready(process)
            assert get(process.address(), "/readyz").body.startswith(body)


def test_a_reload_reaches_the_running_process(kubeconfig: Path, certificates: Certificates, tmp_path: Path) -> None:
    """With new users; tests/test_secrets.py has one that fails."""
    path = write_web_config(tmp_path / "web.yaml", basic_auth_users={"alice": hashed()})
    with serving(kubeconfig, "--web-config-file", str(path)) as process:
        wait_until_ready(process)
        write_web_config(path, basic_auth_users={"bob": hashed()})
        wait_until(lambda: "reloaded the web configuration" in process.messages, "the reload", 4 * CHECK_SECONDS)
        assert get(process.address(), "/metrics", Authorization=basic("bob")).status == 200
        assert get(process.address(), "/metrics", Authorization=basic("alice")).status == 401


def test_tokens_are_checked_by_the_api_server(server: ReviewServer, kubeconfig: Path) -> None:
    """Allowed, not allowed, another audience, unknown; and away."""
    server.users |= {"token-of-a-pod": "system:serviceaccount:default:pod", "token-for-vault": PROMETHEUS}
    server.audiences["token-for-vault"] = ["vault"]
    with serving(kubeconfig, "--metrics-auth", "kubernetes") as process:
        wait_until_ready(process)
        assert b'name="secret-project"' in bearer(process, TOKEN).body
        assert bearer(process, TOKEN, "/").status == 403
        assert bearer(process, "token-of-a-pod").status == 403
        assert bearer(process, "token-for-vault").status == 401
        assert bearer(process, "unknown").status == 401
        anonymous = get(process.address(), "/metrics")
        assert (anonymous.status, anonymous.headers["www-authenticate"]) == (401, 'Bearer realm="kuberay-exporter"')
        server.stop()
        assert bearer(process, "new-while-it-is-away").status == 500
        assert bearer(process, TOKEN).status == 200
        assert "passwords and tokens of clients are sent without encryption: set tls_server_config" in process.messages


def test_flags_of_the_filter(
    server: ReviewServer, kubeconfig: Path, certificates: Certificates, tmp_path: Path
) -> None:
    """Another audience, no cache, and a client certificate in place of a token."""
    section = server_section(
        certificates, client_ca_file=str(certificates.authority), client_auth_type="VerifyClientCertIfGiven"
    )
    web_config = write_web_config(tmp_path / "web.yaml", tls_server_config=section)
    server.audiences[TOKEN] = ["metrics"]
    flags = ["--metrics-auth", "kubernetes", "--metrics-auth-audiences", "metrics", "--metrics-auth-cache-ttl", "0s"]
    plain, shown = client_context(certificates), client_context(certificates, "client")
    for accepts, status in ((), 401), (("--metrics-auth-client-certificates",), 200):
        with serving(kubeconfig, "--web-config-file", str(web_config), *flags, *accepts) as process:
            wait_until_ready(process, plain)
            for _ in range(2):
                answer = get(process.address(), "/metrics", plain, Authorization=f"Bearer {TOKEN}")
                assert answer.status == 200
            assert get(process.address(), "/metrics", shown).status == status
            assert get(process.address(), "/metrics", plain).status == 401
    assert len(server.reviews()) == 4


# Fail closed.


def web_config_error(tmp_path: Path, content: str, *flags: str) -> str:
    """Start with a web configuration that is wrong; return the error."""
    path = tmp_path / "web.yaml"
    path.write_text(content)
    return start_error(tmp_path, "--web-config-file", str(path), *flags)


def start_error(tmp_path: Path, *flags: str) -> str:
    """Start on a port that nobody may listen on meanwhile; return the error."""
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # If the port were opened before the file is read, the error would be another one.
        metrics_address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("serve", "--kubeconfig", str(kubeconfig), "--metrics-addr", metrics_address, *flags)
    assert result.returncode == 2
    return error_line(result)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "the file has no settings"),
        ("tls_server_config: {cert_file: none.crt, key_file: none.key}", "tls_server_config.cert_file: couldn't read"),
        ("rate_limit: {burst: 1}", "rate_limit is not supported"),
        ("tls_config: {}", "unknown key 'tls_config'"),
        ("basic_auth_users: {alice: password}", "is not a bcrypt hash"),
    ],
)
def test_a_wrong_web_configuration_ends_the_start(tmp_path: Path, content: str, error: str) -> None:
    """One line, exit code 2, no port."""
    line = web_config_error(tmp_path, content)
    assert line.startswith(f"--web-config-file '{tmp_path / 'web.yaml'}': ")
    assert error in line


def test_an_unreadable_web_configuration_ends_the_start(tmp_path: Path) -> None:
    assert "couldn't read" in start_error(tmp_path, "--web-config-file", str(tmp_path / "none.yaml"))


def test_combinations_that_would_not_protect_end_the_start(tmp_path: Path) -> None:
    users = f"basic_auth_users: {{alice: {hashed()}}}"
    exclusive = web_config_error(tmp_path, users, "--metrics-auth", "kubernetes")
    assert exclusive == "--metrics-auth kubernetes and basic_auth_users exclude each other: use one"
    accepting = ("--metrics-auth", "kubernetes", "--metrics-auth-client-certificates")
    assert "needs a client_auth_type" in start_error(tmp_path, *accepting)
    for flags in (("--metrics-auth-client-certificates",), ("--metrics-auth-audiences", "a")):
        assert start_error(tmp_path, *flags) == f"{flags[0]} needs --metrics-auth kubernetes"
    assert "is more than an hour" in start_error(tmp_path, "--metrics-auth-cache-ttl", "61m")
    assert PASSWORD not in exclusive
