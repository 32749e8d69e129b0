"""mkdocs' hooks for `make site`: pages from outside of docs, and links that lead out of it.

A link to a file of the repository becomes a link to the repository, if publish.env has its address, and its text
otherwise.
"""

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASE.md": "release.md",
    "SECURITY.md": "security-policy.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "charts/kuberay-exporter/README.md": "chart.md",
}
"""Pages by their path in the repository, with their place in the site."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\](?:\([^)]*\))?)*)\]\((?!\w+:|#)([\w/.-]+)(#[\w-]+)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, and the icon."""
    for source, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    icon = ROOT / "charts" / "kuberay-exporter" / "icon.svg"
    files.append(File.generated(config, "icon.svg", content=icon.read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make links relative to the place of the page in the site."""
    place = page.file.src_uri
    source = next((source for source, target in PAGES.items() if target == place), f"docs/{place}")

    def link(match: re.Match[str]) -> str:
        is_image, text, path, anchor = match.groups()
        text = _LINK.sub(link, text)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        there = PAGES.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        if there:
            return f"{is_image}[{text}]({posixpath.relpath(there, posixpath.dirname(place) or '.')}{anchor or ''})"
        repository = os.environ.get("REPOSITORY_URL")
        return f"[{text}]({repository}/blob/HEAD/{target}{anchor or ''})" if repository else text

    return _LINK.sub(link, markdown)
