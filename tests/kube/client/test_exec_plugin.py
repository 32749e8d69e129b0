"""Exec plugins: when they run, what they may print, and what is said of those that fail."""

import logging
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from exporter.errors import ConnectError
from exporter.kube.client.access import Credential
from exporter.kube.client.exec_plugin import Plugin
from exporter.kube.client.kubeconfig import Exec, ExecVariable
from tests.support.certificates import issue
from tests.support.watching import wait_until

V1 = "client.authentication.k8s.io/v1"
PAST = "2020-01-01T00:00:00Z"
FUTURE = "2999-01-01T00:00:00Z"
CLIENT = issue("client")


def exec_(
    command: str,
    environment: dict[str, str] | None = None,
    hint: str = "",
    args: list[str] | None = None,
    *,
    cluster: bool = False,
) -> Exec:
    env = [ExecVariable(name, value) for name, value in (environment or {}).items()]
    return Exec(command, args or [], env, V1, hint, cluster, "Never")


def plugin(folder: Path, script: str, timeout_seconds: float = 30, **environment: str) -> Plugin:
    """Write a program of /bin/sh and return how to run it; it counts its runs."""
    path = folder / "plugin"
    path.write_text(f'#!/bin/sh\necho run >> "$0.runs"\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Plugin(exec_(str(path), environment), folder, {}, timeout_seconds)


def printing(folder: Path, status: str, api_version: str = V1, kind: str = "ExecCredential") -> Plugin:
    """Return a plugin that prints a status, which is JSON, with its number of runs for RUNS."""
    text = f'{{"apiVersion":"{api_version}","kind":"{kind}","status":{status}}}'
    (folder / "text").write_text(text)
    return plugin(folder, 'sed "s/RUNS/$(wc -l < "$0.runs")/" "$(dirname "$0")/text"')


def runs(folder: Path) -> int:
    path = folder / "plugin.runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def without_pause(plugin: Plugin) -> Plugin:
    """Let a failed plugin run again at once."""
    plugin._pause_seconds = 0
    return plugin


def with_pause(plugin: Plugin) -> Plugin:
    plugin._pause_seconds = 600
    return plugin


def failure(credentials: Plugin) -> str:
    with pytest.raises(ConnectError) as caught:
        credentials.get()
    return str(caught.value)


def test_a_token_is_asked_for_once(tmp_path: Path) -> None:
    """Without an expiry it is good until it is refused."""
    credentials = printing(tmp_path, '{"token":"t-RUNS"}')
    assert [credentials.get().authorization for _ in range(3)] == ["Bearer t-1"] * 3


@pytest.mark.parametrize(("expiry", "last"), [(PAST, "t-3"), (FUTURE, "t-1")])
def test_credentials_that_have_expired_are_renewed(tmp_path: Path, expiry: str, last: str) -> None:
    """At expirationTimestamp, and not before."""
    status = f'{{"token":"t-RUNS","expirationTimestamp":"{expiry}"}}'
    credentials = printing(tmp_path, status)
    assert [credentials.get().authorization for _ in range(3)][-1] == f"Bearer {last}"


def test_refused_credentials_are_renewed_once(tmp_path: Path) -> None:
    """Several requests may have been refused with the same."""
    credentials = printing(tmp_path, '{"token":"t-RUNS"}')
    first = credentials.get()
    credentials.refuse(first)
    second = credentials.get()
    credentials.refuse(first)
    assert credentials.get() == second == Credential("Bearer t-2")


@pytest.mark.parametrize(
    "status",
    [
        '{"token":null,"clientCertificateData":CRT,"clientKeyData":KEY,"expirationTimestamp":null}',
        '{"token":"","clientCertificateData":CRT,"clientKeyData":KEY}',
    ],
)
def test_a_client_certificate_without_a_token(tmp_path: Path, status: str) -> None:
    """Null and empty are no token: nothing is made of them."""
    for name, pem in (("CRT", CLIENT.certificate_pem), ("KEY", CLIENT.key_pem)):
        escaped = pem.replace("\n", "\\n")
        status = status.replace(name, f'"{escaped}"')
    credential = printing(tmp_path, status).get()
    assert credential.authorization == ""
    assert CLIENT.certificate_pem.encode() in credential.certificate
    assert CLIENT.key_pem.encode() in credential.certificate


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        ("null", "printed neither a token nor a client certificate"),
        ("{}", "printed neither a token nor a client certificate"),
        ('{"token":""}', "printed neither a token nor a client certificate"),
        ('{"token":null}', "printed neither a token nor a client certificate"),
        ('{"token":"S3CRET","clientKeyData":"S3CRET"}', "printed a client certificate or its key, but not both"),
        ('{"clientKeyData":"S3CRET","clientCertificateData":"S3CRET"}', "no client certificate with its unencrypted"),
        ('{"token":["S3CRET"]}', "didn't print an ExecCredential as JSON"),
        ('{"token":"S3CRET","expirationTimestamp":"soon"}', "didn't print an ExecCredential as JSON"),
        ('{"token":"S3CRET\\nS3CRET"}', "can't be sent in a header: it has a line break"),
        ('{"token":"S3CRET"', "didn't print an ExecCredential as JSON"),
    ],
)
def test_what_is_no_credential_is_an_error_without_its_content(
    tmp_path: Path, status: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever was printed may be secret."""
    caplog.set_level(logging.DEBUG)
    message = failure(printing(tmp_path, status))
    assert message.startswith("couldn't get credentials: ")
    assert fault in message
    assert str(tmp_path / "plugin") in message
    assert "S3CRET" not in message + caplog.text


@pytest.mark.parametrize(("api_version", "kind"), [(f"{V1}beta1", "ExecCredential"), (V1, "Pod")])
def test_another_version_or_kind_is_an_error(tmp_path: Path, api_version: str, kind: str) -> None:
    """As for client-go."""
    message = failure(printing(tmp_path, '{"token":"t"}', api_version, kind))
    assert message.endswith(f"didn't print an ExecCredential of {V1}")


def test_a_plugin_that_is_missing_is_named_with_its_hint() -> None:
    """The hint is the kubeconfig's."""
    missing = Plugin(exec_("no-such-plugin", hint="Install it:\n  see there."), Path(), {})
    assert failure(missing) == (
        "couldn't get credentials: exec plugin 'no-such-plugin' couldn't be run: No such file or directory "
        "(Install it: see there.)"
    )


def test_a_plugin_that_may_not_be_run_is_an_error(tmp_path: Path) -> None:
    """A file that is no program."""
    (tmp_path / "plugin").write_text("")
    message = failure(Plugin(exec_(str(tmp_path / "plugin")), tmp_path, {}))
    assert message.endswith("couldn't be run: Permission denied")


def test_a_failed_plugins_words_are_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They may have a time in them, and so be others each time; without what is secret in its environment."""
    script = 'echo "at $(wc -l < "$0.runs"): no $PASS, S3CRET-of-stdout" >&2; echo S3CRET-of-stdout; exit 3'
    credentials = without_pause(plugin(tmp_path, script, PASS="S3CRET-of-env"))
    messages = {failure(credentials) for _ in range(3)}
    assert messages == {f"couldn't get credentials: exec plugin '{tmp_path / 'plugin'}' failed with exit code 3"}
    assert caplog.messages == [
        f"exec plugin '{tmp_path / 'plugin'}' wrote on standard error: at 1: no [redacted], [redacted]"
    ]


def test_what_a_plugin_wrote_is_logged_too_if_it_did_not_fail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It may say why it has printed nothing."""
    credentials = without_pause(plugin(tmp_path, "echo 'log in first' >&2"))
    assert failure(credentials).endswith("didn't print an ExecCredential as JSON")
    assert caplog.messages == [f"exec plugin '{tmp_path / 'plugin'}' wrote on standard error: log in first"]


def test_a_plugin_that_works_again_is_reported_again_when_it_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next failure may have another reason."""
    status = f'{{"token":"t","expirationTimestamp":"{PAST}"}}'
    good = printing(tmp_path, status)
    script = (tmp_path / "plugin").read_text()
    credentials = without_pause(good)
    for _ in range(2):
        (tmp_path / "plugin").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
        failure(credentials)
        (tmp_path / "plugin").write_text(script)
        assert credentials.get().authorization == "Bearer t"
    assert len(caplog.messages) == 2


def test_a_plugin_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """A wrapper in /bin/sh is the usual plugin, and the program that it starts is what hangs."""
    hanging = plugin(tmp_path, 'sleep 600 & echo $! > "$0.child"; wait', 0.5)
    message = failure(hanging)
    assert message.endswith("did not end within 0.5 s and was killed")
    child = int((tmp_path / "plugin.child").read_text())
    wait_until(lambda: not is_running(child), "the child has ended")


@pytest.mark.parametrize("output", ["", ">&2"])
def test_a_plugin_that_prints_without_end_is_killed(tmp_path: Path, output: str) -> None:
    """Or it would fill the memory; long before its time is over."""
    started_at = time.monotonic()
    message = failure(plugin(tmp_path, f"yes {output}"))
    assert message.endswith("printed more than 1048576 bytes and was killed")
    assert time.monotonic() - started_at < 15


def is_running(process: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        os.kill(process, 0)
        return "(sleep) Z" not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_plugin_that_is_killed_is_an_error(tmp_path: Path) -> None:
    """By the signal's number."""
    message = failure(plugin(tmp_path, "kill -9 $$"))
    assert message.endswith(f"failed with signal {signal.SIGKILL}")


def test_those_who_wait_for_a_failing_plugin_do_not_run_it_again(tmp_path: Path) -> None:
    """Or each kind would wait for its time in turn."""
    hanging = plugin(tmp_path, 'while [ ! -e "$0.end" ]; do sleep 0.01; done; exit 1')
    credentials = hanging
    messages: list[str] = []
    threads = [threading.Thread(target=lambda: messages.append(failure(credentials))) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: runs(tmp_path) == 1 and all(map(has_asked, threads)))
    (tmp_path / "plugin.end").touch()
    for thread in threads:
        thread.join(10)
    assert len(messages) == 4
    assert runs(tmp_path) == 1


def test_a_failing_plugin_is_not_run_all_the_time(tmp_path: Path) -> None:
    """Hundreds of namespaces may ask at once; a failure counts for a while."""
    credentials = with_pause(plugin(tmp_path, "exit 1"))
    assert len({failure(credentials) for _ in range(5)}) == 1
    assert runs(tmp_path) == 1


def test_a_plugin_that_prints_refused_credentials_again_is_not_run_all_the_time(tmp_path: Path) -> None:
    """Once more after the refusal; then the server's answer counts for a while."""
    credentials = with_pause(printing(tmp_path, '{"token":"t"}'))
    for _ in range(5):
        credentials.refuse(credentials.get())
    assert credentials.get() == Credential("Bearer t")
    assert runs(tmp_path) == 2


def has_asked(thread: threading.Thread) -> bool:
    """Tell whether a thread is in `get` and has looked how many runs there were."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame:
        if frame.f_code is Plugin.get.__code__:
            return True
        frame = frame.f_back
    return False


def test_what_a_plugin_is_given(tmp_path: Path) -> None:
    """Arguments, variables over the exporter's own, KUBERNETES_EXEC_INFO, and nothing to read."""
    script = (
        '{ echo "$1|$A|${PATH:+path}"; echo "$KUBERNETES_EXEC_INFO"; cat; } > "$0.given"; '
        f"""echo '{{"apiVersion":"{V1}","kind":"ExecCredential","status":{{"token":"t"}}}}'"""
    )
    plugin(tmp_path, script)
    given = Plugin(
        exec_(str(tmp_path / "plugin"), {"A": "a value"}, args=["an argument"], cluster=True),
        tmp_path,
        {"server": "https://x"},
    )
    assert given.get().authorization == "Bearer t"
    assert (tmp_path / "plugin.given").read_text().splitlines() == [
        "an argument|a value|path",
        f'{{"kind":"ExecCredential","apiVersion":"{V1}","spec":{{"interactive":false,"cluster":{{"server":"https://x"}}}}}}',
    ]
