"""Settings read from text."""

import pytest

from exporter.config import (
    Address,
    family_filter_of,
    parse_address,
    parse_buckets,
    parse_collectors,
    parse_duration,
    parse_label_allowlist,
    parse_link,
    parse_namespaces,
    parse_patterns,
)
from exporter.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", Address("", 8080)),
        ("0.0.0.0:80", Address("0.0.0.0", 80)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[::]:8080", Address("::", 8080)),
        ("localhost:9", Address("localhost", 9)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    """What Go's listeners understand, this does."""
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "8080", ":", ":x", ":65536", ":-1", "::1:8080", "[::1]", "a b:1", "http://h:1", ":٣"]
)
def test_wrong_addresses(text: str) -> None:
    """The message shows what was given and what would be right."""
    with pytest.raises(ConfigError, match=r"is not an address such as ':8080'"):
        parse_address(text)


@pytest.mark.parametrize(("text", "namespaces"), [("", ()), (" , ", ()), ("a", ("a",)), ("a, b-1 ,a", ("a", "b-1"))])
def test_namespaces(text: str, namespaces: tuple[str, ...]) -> None:
    """Empty is all; twice is once."""
    assert parse_namespaces(text) == namespaces


@pytest.mark.parametrize("text", ["A", "a_b", "-a", "a-", "a/b", "x" * 64])
def test_wrong_namespaces(text: str) -> None:
    """A name that cannot exist would be an empty list for ever."""
    with pytest.raises(ConfigError, match="is not the name of a namespace"):
        parse_namespaces(text)


def test_collectors() -> None:
    """In the order given; unknown ones are refused with the list of known ones."""
    assert parse_collectors("b,a", ["a", "b"]) == ("b", "a")
    with pytest.raises(ConfigError, match="'c' is not one of a, b"):
        parse_collectors("a,c", ["a", "b"])
    with pytest.raises(ConfigError, match="name at least one of a, b"):
        parse_collectors(",", ["a", "b"])


@pytest.mark.parametrize(
    ("allow", "deny", "exported"),
    [
        ("", "", {"kuberay_job_info", "kuberay_job_infos", "process_x"}),
        ("^kuberay_job_info$", "", {"kuberay_job_info"}),
        ("job_info", "", {"kuberay_job_info", "kuberay_job_infos"}),
        ("process,infos$", "", {"kuberay_job_infos", "process_x"}),
        ("", "kuberay_", {"process_x"}),
        ("", "^process,_infos$", {"kuberay_job_info"}),
        ("(?i)JOB_INFO$,(?P<x>process),(?P<x>nothing)", "", {"kuberay_job_info", "process_x"}),
        ("^.{1,9}$,[a-z]{16,17}", "", {"process_x"}),
    ],
)
def test_family_filter(allow: str, deny: str, exported: set[str]) -> None:
    """Expressions match anywhere in a name unless they are anchored, as in kube-state-metrics."""
    family_filter = family_filter_of(parse_patterns(allow), parse_patterns(deny))
    names = ("kuberay_job_info", "kuberay_job_infos", "process_x")
    assert {name for name in names if family_filter(name)} == exported


def test_wrong_pattern() -> None:
    """The message says which of several is wrong, and why."""
    with pytest.raises(ConfigError, match=r"'\(' is not a regular expression: missing \)"):
        parse_patterns("a,(")


def test_buckets() -> None:
    """Seconds, ascending."""
    assert parse_buckets("0.5, 10,60") == (0.5, 10.0, 60.0)


@pytest.mark.parametrize("text", ["", "x", "1,1", "2,1", "0,1", "-1,1", "1,inf", "nan"])
def test_wrong_buckets(text: str) -> None:
    """+Inf is always there, and need not be given."""
    with pytest.raises(ConfigError, match="is not a list of ascending seconds"):
        parse_buckets(text)


@pytest.mark.parametrize(
    ("text", "jobs", "clusters"),
    [
        ("", (), ()),
        ("rayjobs=[team,kueue.x-k8s.io/queue-name],rayclusters=[*]", ("team", "kueue.x-k8s.io/queue-name"), ("*",)),
        (" rayjobs = [ team , team ] , ", ("team",), ()),
        ("rayjobs=[]", (), ()),
        ("*=[*]", ("*",), ("*",)),
        ("*=[team],rayjobs=[owner]", ("owner",), ("team",)),
    ],
)
def test_label_allowlist(text: str, jobs: tuple[str, ...], clusters: tuple[str, ...]) -> None:
    """kube-state-metrics' syntax; what is said of one kind wins over what is said of all."""
    allowed = parse_label_allowlist(text, ["rayjobs", "rayclusters"])
    assert (allowed("rayjobs"), allowed("rayclusters")) == (jobs, clusters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pods=[a]", r"'pods' is not one of rayjobs"),
        ("rayjobs", r"'rayjobs' is not a list such as"),
        ("rayjobs=[a", r"'rayjobs=\[a' is not a list such as"),
        ("rayjobs=a", "is not a list such as"),
        ("rayjobs=[a] rayjobs=[b]", "is not a list such as"),
        ("rayjobs=[a,rayclusters=[b]]", "is not a list such as"),
        ("=[a]", "is not a list such as"),
    ],
)
def test_wrong_label_allowlist(text: str, message: str) -> None:
    """The message shows from where on it is wrong."""
    with pytest.raises(ConfigError, match=message):
        parse_label_allowlist(text, ["rayjobs"])


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    """As Go writes them, and plain seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", "10 m", "1m1h", "ten", "\u0661s"])
def test_wrong_durations(text: str) -> None:
    """A unit that Go does not know would be guessed."""
    with pytest.raises(ConfigError, match="is not a duration such as '90s', '10m' or '1h30m'"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "http://x", "https://x/{kind}/{namespace}?a={name}&b={cluster}#c"])
def test_links(text: str) -> None:
    """With placeholders, or none."""
    assert parse_link(text) == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("javascript:alert(1)", "is not an address that begins with http:// or https://"),
        ("grafana/d/x", "is not an address that begins with http:// or https://"),
        ("https://x /y", "is not an address that begins with http:// or https://"),
        ("https://x/{uid}", r"'\{uid\}' is not one of \{kind\}, \{namespace\}, \{name\}, \{cluster\}"),
        ("https://x/{name", r"'\{name' is not one of"),
    ],
)
def test_wrong_links(text: str, rule: str) -> None:
    """A browser would run one of them, and a wrong placeholder would never be replaced."""
    with pytest.raises(ConfigError, match=rule):
        parse_link(text)
