"""The documentation says what the code does."""

import re

import click

from exporter.cli import cli
from exporter.options import nine_pattern
from tests.support.bodies import parse
from tests.support.commands import run
from tests.support.helm_chart import ROOT
from tests.support.parity import NINE
from tests.support.recordings import captures
from tools import flags_docs, performance
from tools import metrics_docs as generate

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")]


def test_pages_of_metrics_are_what_make_docs_writes() -> None:
    """Stale: run `make docs`. No page remains of a kind that does not exist any more."""
    pages = generate.pages()
    assert {path: path.read_text() for path in pages} == pages
    assert set((ROOT / "docs" / "metrics").glob("*.md")) < set(pages)


def test_the_documented_allowlist_leaves_exactly_the_nine() -> None:
    """As `render` prints them of recorded objects that have them all, with everything else on."""
    data = captures()[7].kubectl_list
    options = ["--metric-labels-allowlist", "*=[*]", "--metric-allowlist", nine_pattern()]
    assert f"\n{nine_pattern()}\n" in (ROOT / "docs" / "metrics.md").read_text()
    assert parse(run("render", *options, stdin=data).stdout).keys() == NINE


def test_page_of_configuration_has_every_flag() -> None:
    """Stale: run `make docs`. Those of `demo` are those of `serve`, and three."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == flags_docs.page()
    commands = cli.commands.values()
    flags = {max(option.opts, key=len) for one in commands for option in one.params if isinstance(option, click.Option)}
    assert set(re.findall(r"^\| (?:`-\w`, )?`(--[a-z-]+)`", page, re.MULTILINE)) == flags


def test_page_of_configuration_shows_what_render_prints() -> None:
    """The lines of the recorded list are among those that the operator printed, but for seconds."""
    shown = re.findall(
        r"^kuberay_job_execution_duration\S+", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE
    )
    printed = (ROOT / "tests" / "testdata" / "captures" / "005.prom").read_text()
    assert len(shown) >= 3
    assert all(line.rpartition(",uid=")[0] in printed for line in shown if "remote-done" not in line)


def test_every_documented_make_target_exists() -> None:
    """Those in backticks and in commands."""
    defined = set(re.findall(r"^([a-z][a-z0-9-]*):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        targets = set(re.findall(r"(?:`|^\$ )make ([a-z][a-z0-9-]*)", page.read_text(), re.MULTILINE))
        assert targets <= defined, page.name


def test_a_runbook_fits_on_a_screen() -> None:
    """What is open at night is the section of one alert."""
    sections = re.split(r"^### ", (ROOT / "docs" / "runbooks.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(sections) > 30
    assert all(len(section.split("\n## ")[0].splitlines()) <= 40 for section in sections)


def test_links_of_every_page_lead_somewhere() -> None:
    """To a file, and to a heading where one is named."""
    for page in PAGES:
        for path, heading in re.findall(r"\]\((?!\w+:)([\w/.-]*)(?:#([\w-]+))?\)", page.read_text()):
            target = (page.parent / path) if path else page
            assert target.exists(), f"{page.name}: {path}"
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if heading else []
            anchors = {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}
            assert not heading or heading in anchors, f"{page.name}: #{heading}"


def test_every_page_is_in_the_readme() -> None:
    """Those of metrics are in docs/metrics.md."""
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"](docs/{page.name})" not in readme] == []


def test_pages_are_markdown_without_long_lines() -> None:
    """Prose is wrapped; tables may be wide, and docs/metrics.md is written by a program."""
    for page in [page for page in PAGES if page != ROOT / "docs" / "metrics.md"]:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            assert len(line) <= 120 or line.startswith(("|", "#", "kuberay_")), f"{page.name}:{number}"


def test_performance_is_what_make_performance_writes() -> None:
    """The numbers are those of benchmarks/measured.json."""
    assert performance.PAGE.read_text() == performance.page()
    assert performance.IMAGE.read_text() == performance.image()


def test_tables_are_narrow() -> None:
    """At most four columns: wider ones are cut on the site and on a phone. Numbers by a parameter may have more."""
    for page in set(PAGES) - {performance.PAGE}:
        heads = re.findall(r"^\|(?:[ :-]+\|)+$", page.read_text(), re.MULTILINE)
        assert all(head.count("|") <= 5 for head in heads), page
