"""No secret that a test uses is in a log at debug level, an answer, an error or an argument."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from exporter.kube.client.access import Credential
from exporter.simulator.apiserver.store import ObjectStore
from exporter.web.auth.web_config_file import CHECK_SECONDS
from tests.support.certificates import Certificates
from tests.support.commands import error_line, run
from tests.support.processes import get, serving, value
from tests.support.proxies import HttpProxy
from tests.support.reaching import SERVED, kubeconfig
from tests.support.reviewing import PROMETHEUS, ReviewServer
from tests.support.watching import job, wait_until
from tests.support.web_configs import basic, client_context, hashed, write_web_config

API_TOKEN = "secret-token-of-the-exporter-1"
API_PASSWORD = "secret-password-of-a-proxy-2"
CLIENT_TOKEN = "secret-token-of-prometheus-3"
WRONG_TOKEN = "secret-token-of-nobody-4"
PASSWORD = "secret-password-of-alice-5"
WRONG_PASSWORD = "secret-password-of-nobody-6"


def assert_hidden(text: str, secrets: list[str]) -> None:
    for secret in secrets:
        assert secret not in text
        assert b64encode(secret.encode()).decode().rstrip("=") not in text


def key_lines(path: Path) -> list[str]:
    """Return the lines of a private key that identify it."""
    return [line for line in path.read_text().splitlines() if len(line) > 20 and not line.startswith("-----")]


def test_no_secret_of_the_web_configuration_is_shown(tmp_path: Path, certificates: Certificates) -> None:
    """A key in the file itself, users, wrong passwords, and a reload that fails in the middle of the key."""
    certificate, key = certificates.pair("server")
    path = tmp_path / "web.yaml"
    hash_ = hashed(PASSWORD)
    section = {"cert": certificate.read_text(), "key": key.read_text()}
    write_web_config(path, tls_server_config=section, basic_auth_users={"alice": hash_})
    secrets = [PASSWORD, WRONG_PASSWORD, hash_, API_TOKEN, *key_lines(key), basic("alice", PASSWORD)]
    context = client_context(certificates)
    seen = []
    with ReviewServer(ObjectStore(), ssl_context=SERVED.server_context()) as server:
        server.store.create("rayjobs", job("a"))
        config = kubeconfig(tmp_path / "kubeconfig", server.url, {"token": API_TOKEN})
        with serving(Path(config), "--web-config-file", str(path), "--log-level", "debug") as process:
            wait_until(lambda: get(process.address(), "/readyz", context).status == 200, every_seconds=0.02)
            for password in (PASSWORD, WRONG_PASSWORD):
                for target in ("/metrics", "/", "/nothing"):
                    answer = get(process.address(), target, context, Authorization=basic("alice", password))
                    seen.append(f"{answer.headers}{answer.body.decode()}")
            arguments = Path(f"/proc/{process.process.pid}/cmdline").read_text()
            path.write_text(path.read_text()[:-200])
            failure = "couldn't reload the web configuration"
            wait_until(lambda: any(m.startswith(failure) for m in process.messages), "the reload", 4 * CHECK_SECONDS)
            body = get(process.address(), "/metrics", context, Authorization=basic("alice", PASSWORD)).body
            assert value(body, "kuberay_exporter_web_config_last_reload_successful") == 0
            process.end(15)
            assert server.requests[0].headers["authorization"] == f"Bearer {API_TOKEN}"
            assert_hidden("\n".join([*seen, arguments, str(process.lines)]), secrets)
            assert len(process.lines) > 10


def test_no_token_is_shown(tmp_path: Path) -> None:
    """Those of clients, allowed and refused, and the exporter's own, also when the API server repeats them."""
    with ReviewServer(ObjectStore(), ssl_context=SERVED.server_context()) as server:
        server.users[CLIENT_TOKEN] = PROMETHEUS
        server.allowed.add((PROMETHEUS, "/metrics"))
        config = kubeconfig(tmp_path / "kubeconfig", server.url, {"token": API_TOKEN})
        seen = []
        with serving(Path(config), "--metrics-auth", "kubernetes", "--log-level", "debug") as process:
            process.wait_until_ready()
            for token in (CLIENT_TOKEN, WRONG_TOKEN):
                for target in ("/metrics", "/", "/nothing"):
                    answer = get(process.address(), target, Authorization=f"Bearer {token}")
                    seen.append(f"{answer.headers}{answer.body.decode()}")
            server.answer_next(403, f'{{"message":"{API_TOKEN} {WRONG_TOKEN}"}}'.encode(), verb="", times=None)
            assert get(process.address(), "/metrics", Authorization=f"Bearer {WRONG_TOKEN}-2").status == 500
            arguments = Path(f"/proc/{process.process.pid}/cmdline").read_text()
            process.end(15)
            text = "\n".join([*seen, arguments, str(process.lines)])
            assert_hidden(text, [API_TOKEN, CLIENT_TOKEN, WRONG_TOKEN])
            assert any("couldn't check a client's token" in message for message in process.messages)


@pytest.mark.parametrize(
    "content", ["tls_server_config: {{cert: x, key: {key}}}", "{key}: x", "basic_auth_users: {{a: {key}}}"]
)
def test_no_error_at_the_start_shows_a_secret(tmp_path: Path, content: str) -> None:
    """Whatever is wrong with the file."""
    path = tmp_path / "web.yaml"
    path.write_text(content.format(key=f"'{API_PASSWORD}+/'"))
    config = kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:1", {"token": API_TOKEN})
    result = run("serve", "--kubeconfig", config, "--web-config-file", str(path), "--log-level", "debug")
    assert result.returncode == 2
    assert_hidden(error_line(result), [API_PASSWORD, API_TOKEN])


@pytest.mark.parametrize("what", ["refused", "repeated", "printed", "proxy", "certificate"])
def test_no_secret_of_the_way_to_the_cluster_is_shown(tmp_path: Path, certificates: Certificates, what: str) -> None:
    """Tokens, passwords and keys of a kubeconfig, whichever request fails and whoever repeats them."""
    certificate, key = certificates.pair("client")
    user: dict[str, Any] = {"token": API_TOKEN}
    cluster: dict[str, Any] = {}
    if what == "printed":
        path = tmp_path / "plugin"
        path.write_text(f"#!/bin/sh\necho '{API_TOKEN}'\necho 'no: {API_TOKEN}, {API_PASSWORD}' >&2\nexit 1\n")
        path.chmod(0o700)
        env = [{"name": "A", "value": API_PASSWORD}]
        version = "client.authentication.k8s.io/v1"
        user = {"exec": {"apiVersion": version, "command": str(path), "env": env, "interactiveMode": "Never"}}
    elif what == "certificate":
        user = {"client-certificate": str(certificate), "client-key": str(key)}
    with ReviewServer(ObjectStore(), ssl_context=SERVED.server_context()) as server, HttpProxy("u:other") as proxy:
        if what == "refused":
            server.required_token = "another"
        elif what == "proxy":
            cluster = {"proxy-url": f"http://u:{API_PASSWORD}@{proxy.address}"}
        else:
            message = f"no: {API_TOKEN}" if what == "repeated" else "no"
            server.answer_next(500, message.encode(), verb=None, times=None)
        config = kubeconfig(tmp_path / "kubeconfig", server.url, user, **cluster)
        with serving(Path(config), "--log-level", "debug") as process:
            wait_until(lambda: any("retrying" in message or "failed" in message for message in process.messages))
            seen = process.get("/readyz").body.decode() + process.get("/metrics").body.decode()
            process.end(15)
        assert_hidden("\n".join([seen, str(process.lines)]), [API_TOKEN, API_PASSWORD, *key_lines(key)])


def test_a_credential_does_not_print_itself() -> None:
    """Wherever it may be formatted."""
    assert_hidden(f"{Credential(API_TOKEN, API_PASSWORD.encode())!r}", [API_TOKEN, API_PASSWORD])


def test_the_log_of_jobs_shows_only_labels_that_are_allowed(tmp_path: Path) -> None:
    """No entrypoint, runtime environment, annotation, variable or other label of a job that ends."""
    secrets = [f"secret-of-a-job-{number}" for number in range(6)]
    template = {"spec": {"containers": [{"name": "h", "env": [{"name": "A", "value": secrets[4]}]}]}}
    spec = {
        "entrypoint": f"python -c {secrets[0]}",
        "runtimeEnvYAML": f"env_vars: {{A: {secrets[1]}}}",
        "metadata": {"a": secrets[2]},
        "rayClusterSpec": {"headGroupSpec": {"template": template}},
    }
    with ReviewServer(ObjectStore(), ssl_context=SERVED.server_context()) as server:
        running = job("a")
        running["metadata"] |= {"labels": {"team": "nlp", "other": secrets[3]}, "annotations": {"a": secrets[5]}}
        server.store.create("rayjobs", running | {"spec": spec})
        config = kubeconfig(tmp_path / "kubeconfig", server.url, {"token": API_TOKEN})
        flags = ("--log-jobs", "--metric-labels-allowlist", "rayjobs=[team]", "--log-level", "debug")
        with serving(Path(config), *flags) as process:
            process.wait_until_ready()
            server.store.update("rayjobs", running | {"spec": spec, "status": {"jobDeploymentStatus": "Complete"}})
            wait_until(lambda: any("Succeeded" in message for message in process.messages))
            process.end(15)
        lines = [line for line in process.lines if line.get("logger") == "kuberay.jobs"]
        assert [(line["name"], line["label_team"]) for line in lines] == [("a", "nlp")]
        assert_hidden(str(process.lines), [*secrets, API_TOKEN])


PRODUCT = Path(__file__).parents[1] / "exporter"

RUNS_CODE = re.compile(
    r"\b(?:eval|exec)\(|^\s*(?:import|from) (?:pickle|marshal|shelve)\b"
    r"|yaml\.(?:load|unsafe_\w+|full_\w+)\(|yaml\.C?(?:Full|Unsafe)?Loader\b|\bos\.(?:system|popen|exec\w+|spawn\w+)\("
)


def test_the_product_runs_no_code_from_data() -> None:
    """No eval, pickle or yaml.load. One module runs programs: the exec plugins of kubeconfigs."""
    runs_programs = set()
    for path in PRODUCT.rglob("*.py"):
        for line in path.read_text().splitlines():
            assert not RUNS_CODE.search(line.split("#")[0]), f"{path}: {line}"
            if re.match(r"\s*(?:import|from) subprocess\b", line):
                runs_programs.add(path.relative_to(PRODUCT).as_posix())
    assert runs_programs == {"kube/client/exec_plugin.py"}
