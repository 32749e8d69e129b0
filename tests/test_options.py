"""Options: their variables, their defaults, and the settings that they become."""

import re
from dataclasses import fields
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from exporter.cli import serve_command
from exporter.config import Address, Config
from exporter.errors import ConfigError
from exporter.options import (
    Parsed,
    build_config,
    build_family_filter,
    exporter_options,
    family_options,
    log_options,
    option,
    options,
    parse_encoder,
)
from exporter.shard import Shard


def run(command: click.Command, *arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(command, arguments, env=variables, standalone_mode=False)


def settings(*arguments: str, **variables: str) -> Config:
    """Return the settings of `serve` with these arguments."""

    @click.command()
    @exporter_options(family_options(), address=":8080", retain="0s")
    @log_options(level="info", encoder="json")
    def command(**values: Any) -> Config:
        return build_config(values)

    result = run(command, *arguments, **variables)
    if result.exception:
        raise result.exception
    config: Config = result.return_value
    return config


def test_the_defaults() -> None:
    """What the documentation of the flags says."""
    config = settings()
    assert config.metrics_address == Address("", 8080)
    assert (config.probe_address, config.namespaces) == (None, ())
    assert config.collectors == ("rayclusters", "rayjobs", "rayservices")
    assert (config.retain_deleted_seconds, config.page_size, config.max_requests) == (0, 500, 40)
    assert config.histogram_buckets[0] == 10
    assert config.histogram_buckets[-1] == 86400


def test_a_flag_comes_before_its_variable() -> None:
    """The variable is named after the flag."""
    variable = {"KUBERAY_EXPORTER_KUBE_PAGE_SIZE": "7"}
    assert settings(**variable).page_size == 7
    assert settings("--kube-page-size", "9", **variable).page_size == 9


def test_each_flag_has_a_variable_also_one_with_a_negative_form() -> None:
    """`--web-ui/--no-web-ui` is two names of one setting: its variable switches it on and off."""
    variables = [one.envvar for one in serve_command.params if isinstance(one, click.Option)]
    assert [one for one in variables if not re.fullmatch("KUBERAY_EXPORTER_[A-Z_]+", str(one))] == []
    assert not settings(KUBERAY_EXPORTER_WEB_UI="false").has_web_ui
    on = {"KUBERAY_EXPORTER_LOG_EVENTS": "true", "KUBERAY_EXPORTER_COLLECTORS": "rayjobs,events"}
    assert settings(**on).log_events
    with pytest.raises(click.BadParameter, match="'nope' is not a valid boolean"):
        settings(KUBERAY_EXPORTER_WEB_UI="nope")


def test_every_option_becomes_a_setting() -> None:
    """None is read and then forgotten."""
    config = settings(
        "--metrics-addr", "[::1]:0", "--health-probe-bind-address", ":9", "--watch-namespace", "a,b",
        "--collectors", "rayjobs,events", "--metric-denylist", "_info$", "--metric-labels-allowlist", "rayjobs=[team]",
        "--histogram-buckets", "1,2", "--retain-deleted", "1m", "--object-series-limit", "5", "--log-events",
        "--log-jobs", "--web-link-history", "https://history.example.com/{cluster}",
        "--shard", "1", "--total-shards", "2",
    )  # fmt: skip
    assert config.metrics_address == Address("::1", 0)
    assert config.probe_address == Address("", 9)
    assert (config.namespaces, config.collectors) == (("a", "b"), ("rayjobs", "events"))
    assert (config.family_filter("kuberay_job_info"), config.family_filter("kuberay_job_status")) == (False, True)
    assert (config.user_labels("rayjobs"), config.user_labels("rayclusters")) == (("team",), ())
    assert (config.histogram_buckets, config.retain_deleted_seconds) == ((1, 2), 60)
    assert (config.object_series_limit, config.log_events, config.log_jobs) == (5, True, True)
    assert config.shard == Shard(1, 2)
    assert config.links["history"] == "https://history.example.com/{cluster}"
    assert settings("--shard", "0", "--total-shards", "1").shard is None


@pytest.mark.parametrize(("metrics", "allow", "deny"), [("all", "a", "a"), ("nine", "a", ""), ("nine", "", "a")])
def test_selections_of_families_exclude_each_other(metrics: str, allow: str, deny: str) -> None:
    """One of them would be without effect."""
    with pytest.raises(click.UsageError, match="--metrics nine, --metric-allowlist and --metric-denylist exclude"):
        settings("--metrics", metrics, "--metric-allowlist", allow, "--metric-denylist", deny)


def test_families_are_selected_by_either_list() -> None:
    """Those that the allowlist has, or that the denylist does not have."""
    patterns = (re.compile("a"),)
    assert build_family_filter("all", patterns, ())("a")
    assert not build_family_filter("all", (), patterns)("a")


def test_the_nine_alone() -> None:
    """With the exporter's own metrics; kinds that have none of the nine are not watched."""
    config = settings("--metrics", "nine", "--collectors", "rayjobs,events,pods,raycronjobs")
    assert config.collectors == ("rayjobs",)
    shown = ("kuberay_job_info", "kuberay_exporter_synced", "process_open_fds", "python_info")
    assert all(map(config.family_filter, shown))
    assert not any(map(config.family_filter, ("kuberay_job_status", "kuberay_jobs_failed_total")))
    with pytest.raises(click.UsageError, match="--metrics nine needs rayclusters, rayjobs or rayservices"):
        settings("--metrics", "nine", "--collectors", "pods")


@pytest.mark.parametrize("flag", ["--enable-metrics", "--enable-metrics=true"])
def test_the_operators_flag_for_metrics_is_accepted(flag: str) -> None:
    """As Go reads it: alone, or with a value. False watches nothing."""
    assert settings(flag, "--kube-page-size=7").collectors
    assert settings("--enable-metrics=false").collectors == ()


def test_events_and_jobs_are_logged_only_if_they_are_watched() -> None:
    """The flags would be without effect; they are off by default."""
    with pytest.raises(click.UsageError, match="--log-events needs 'events' in --collectors"):
        settings("--log-events")
    with pytest.raises(click.UsageError, match="--log-jobs needs 'rayjobs' in --collectors"):
        settings("--log-jobs", "--collectors", "rayclusters")
    assert not settings().log_jobs


def test_options_are_listed_in_the_order_given() -> None:
    """By the help; decorators alone would turn it round."""
    names = ("--one", "--two", "--three")
    command = click.command()(options(*map(option, names))(lambda **_: None))
    assert [parameter.opts[0] for parameter in command.params] == list(names)


def test_a_wrong_value_names_the_flag() -> None:
    """The error of the function becomes click's; a value that is no text is taken as it is."""

    def refuse(text: str) -> str:
        raise ConfigError(f"'{text}' is not a number")

    command = click.command()(option("--number", type=Parsed("number", refuse), default=None)(lambda number: number))
    result = run(command, "--number", "x")
    assert isinstance(result.exception, click.BadParameter)
    assert result.exception.format_message().startswith("Invalid value for '--number'")
    assert result.exception.format_message().endswith(": 'x' is not a number")
    assert Parsed("number", refuse).convert(7, None, None) == 7


def test_an_encoder_is_refused_in_the_operators_words() -> None:
    """Those who know its flags know the message."""
    assert parse_encoder("console") == "console"
    with pytest.raises(ConfigError, match=re.escape("invalid encoder \"xml\" (must be 'json' or 'console')")):
        parse_encoder("xml")


def test_every_flag_of_serve_becomes_a_setting() -> None:
    """By its name, or as a part of these settings: one that is neither would be dropped without a word."""
    flags = {parameter.name for parameter in serve_command.params if isinstance(parameter, click.Option)}
    parts = {"metrics", "enable_metrics", "metric_allowlist", "metric_denylist", "total_shards"}
    # The way to the API server is no setting of the exporter.
    prefixes = (
        "kubeconfig",
        "context",
        "log_level",
        "log_stdout_",
        "log_file_",
        "metrics_auth_",
        "web_link_",
        "metrics_auth",
    )
    settings = {setting.name for setting in fields(Config)}
    assert {flag for flag in flags - settings - parts if not str(flag).startswith(prefixes)} == set()
