"""Writes the tables of flags in docs/configuration.md from the command line: `make docs`."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from exporter.cli import cli

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

NOTES = {
    "--enable-metrics": "[Command lines of the operator](migrate.md#the-operators-flags).",
    "--watch-namespace": "Each has its own list and watch; at most 1,050 of these.",
    "--total-shards": "[Large clusters](install.md#shards).",
    "--metrics": "[What `nine` saves](install.md#the-nine-metrics-alone).",
    "--metric-allowlist": "Unanchored, as in kube-state-metrics; also for the exporter's own; not with the denylist.",
    "--metric-labels-allowlist": "As in kube-state-metrics.",
    "--retain-deleted": "Without it, the end of a job with `ttlSecondsAfterFinished: 0` can be missing.",
    "--web-config-file": "[TLS and authentication](security.md).",
    "--metrics-auth": "[Kubernetes tokens](security.md).",
    "--kubeconfig": "[What is supported](connecting.md).",
    "--web-ui": "Without them, no messages of objects are held.",
    "--web-link-runbook": "Where you serve [runbooks.md](runbooks.md).",
    "--file": "`-` is standard input; can be repeated.",
    "--namespace": "A Role in it is sufficient.",
    "--url": "Such as the demo. The lines with clusters and pods of an object are left out.",
}
"""What a line of --help has no room for."""

_TABLE = re.compile(r"(<!-- flags of (\w+): written by `make docs` -->\n).*?(<!-- end of flags -->\n)", re.DOTALL)
_IN_HELP = re.compile(r"\s*\[default: ([^\]]*)\]")


def rows(name: str) -> Iterator[str]:
    """Yield a line for each flag of a command."""
    command = cli.commands[name]
    context = click.Context(command)
    for option in command.params:
        if isinstance(option, click.Option):
            said = _IN_HELP.search(option.help or "")
            default = said[1] if said else (option.get_help_extra(context).get("default") or "")
            flags = ", ".join(f"`{flag}`" for flag in (*option.opts[::-1], *option.secondary_opts))
            shown = f"`{default}`" if default.strip('"') and not said else default.strip('"')
            texts = (_IN_HELP.sub("", option.help or "").strip(), NOTES.get(max(option.opts, key=len), ""))
            meaning = " ".join(filter(None, texts)).replace("|yaml`", "` or `-o yaml`")
            yield f"| {flags} | {shown.replace(',', ', ')} | {meaning} |\n"


def page() -> str:
    """Return the page with tables of the current flags."""

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n| flag | default | meaning |\n|---|---|---|\n{''.join(rows(match[2]))}\n{match[3]}"

    return _TABLE.sub(table, PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(page())
