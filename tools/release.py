"""Checks and writes the files of a release: `make version`, `release-check`, `chart-package` and `krew`.

The version is that of exporter/__init__.py, the addresses are those of publish.env. An address that is empty is in no
file.
"""

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from string import Template
from typing import Any

import yaml

from exporter import __version__

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
CHART = ROOT / "charts" / "kuberay-exporter"
KREW = ROOT / "deploy" / "krew"
CHANGELOG = ROOT / "CHANGELOG.md"

PLACEHOLDER = re.compile(r"OWNER/")
PLACEHOLDERS = (".github/CODEOWNERS", "CODE_OF_CONDUCT.md", "SECURITY-INSIGHTS.yml", "charts/artifacthub-repo.yml")
"""Files whose form has no empty address."""

_OURS = re.compile(
    r'(__version__ = "|kuberay-exporter:|newTag: |ARG VERSION=|"version": "|\nversion: |ppVersion: )(\d+\.\d+\.\d+)'
)
"""Where a file names the version of the exporter."""


def addresses(text: str) -> dict[str, str]:
    """Return the values of publish.env by name."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def versioned_files() -> Iterator[Path]:
    """Yield the files that name the version; goldens follow from others."""
    command = ["git", "ls-files", "-z", "charts", "deploy", "docs", "exporter/__init__.py", "Dockerfile", "README.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()  # noqa: S603 - git
    for path in (ROOT / name for name in listed.split("\0") if name):
        if path.suffix not in (".png", ".json") and path.is_file() and _OURS.search(path.read_text()):
            yield path


def set_version(version: str) -> None:
    """Write the version everywhere, and give the changelog's section Unreleased its name and date."""
    for path in versioned_files():
        path.write_text(_OURS.sub(rf"\g<1>{version}", path.read_text()))
    heading = f"## Unreleased\n\n## {version} ({date.today().isoformat()})\n"
    CHANGELOG.write_text(CHANGELOG.read_text().replace("## Unreleased\n", heading, 1))


def problems(release: str) -> Iterator[str]:
    """Yield what is inconsistent; and what else is missing for a release, if its version is given."""
    for path in versioned_files():
        for found in {version for _, version in _OURS.findall(path.read_text())} - {__version__}:
            yield f"{path.relative_to(ROOT)} has the version {found}, exporter/__init__.py {__version__}"
    if not release:
        return
    if release != __version__:
        yield f"the tag is {release}, exporter/__init__.py has {__version__}: make version NEW={release}"
    if not re.search(rf"^## {re.escape(release)} \(\d{{4}}-\d\d-\d\d\)$", CHANGELOG.read_text(), re.MULTILINE):
        yield f"CHANGELOG.md has no section {release} with a date"
    yield from missing_addresses()


def missing_addresses() -> Iterator[str]:
    """Yield what has to be filled in before a first release."""
    for name, value in addresses((ROOT / "publish.env").read_text()).items():
        if not value:
            yield f"publish.env: {name} is empty"
    for name in PLACEHOLDERS:
        if PLACEHOLDER.search((ROOT / name).read_text()):
            yield f"{name} has a placeholder"


def changes(version: str) -> list[str]:
    """Return the lines of the changelog's section, or of Unreleased, each until the end of its first sentence."""
    sections = re.split(r"^## ", CHANGELOG.read_text(), flags=re.MULTILINE)[1:]
    chosen = next((one for one in sections if one.startswith(f"{version} ")), sections[0])
    items = re.findall(r"^- (.+(?:\n  .+)*)", chosen, re.MULTILINE)
    return [re.split(r"(?<=\.) ", " ".join(item.split()))[0] for item in items]


def write_chart(folder: Path, known: dict[str, str]) -> None:
    """Copy the chart, with the addresses that are known, for `helm package`."""
    shutil.copytree(CHART, folder, dirs_exist_ok=True)
    image, repository, docs = known["IMAGE"], known["REPOSITORY_URL"], known["DOCS_URL"]
    chart = yaml.safe_load((folder / "Chart.yaml").read_text())
    notes: dict[str, Any] = {"changes": changes(__version__)}
    if image:
        notes["images"] = [{"name": "kuberay-exporter", "image": f"{image}:{__version__}"}]
    if docs:
        chart |= {"home": docs, "icon": f"{docs}/icon.svg"}
        notes["links"] = [{"name": "Documentation", "url": docs}]
    if repository:
        chart["sources"] = [repository]
    chart["annotations"] |= {f"artifacthub.io/{key}": yaml.safe_dump(value) for key, value in notes.items()}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(chart, sort_keys=False))
    values = (folder / "values.yaml").read_text()
    if image:
        values = values.replace("\n  repository: kuberay-exporter\n", f"\n  repository: {image}\n")
    if docs:
        values = values.replace('\n  runbookUrl: ""\n', f"\n  runbookUrl: {docs}/runbooks/\n")
    (folder / "values.yaml").write_text(values)


def write_krew(folder: Path, known: dict[str, str]) -> Path:
    """Write the archive of the kubectl plugin; and its manifest, if the repository has an address."""
    folder.mkdir(exist_ok=True)
    archive = folder / f"kubectl-ray_explain-{__version__}.tar.gz"
    files = {"kubectl-ray_explain": (KREW / "kubectl-ray_explain", 0o755), "LICENSE": (ROOT / "LICENSE", 0o644)}
    with tarfile.open(archive, "w:gz") as tar:
        for name, (path, mode) in files.items():
            data = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    if repository := known["REPOSITORY_URL"]:
        uri = f"{repository}/releases/download/v{__version__}/{archive.name}"
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        text = Template((KREW / "ray-explain.yaml").read_text())
        manifest = text.substitute(version=__version__, homepage=repository, uri=uri, sha256=sha256)
        (folder / "ray-explain.yaml").write_text(manifest)
    return archive


def main(command: str, argument: str = "") -> None:
    known = addresses((ROOT / "publish.env").read_text())
    if command == "version":
        set_version(argument)
    elif command == "chart":
        write_chart(Path(argument), known)
    elif command == "krew":
        print(f"wrote {write_krew(DIST, known).relative_to(ROOT)}")
    elif found := list(problems(argument)):
        sys.exit("\n".join(found))
    else:
        print(f"{__version__}: consistent")
        for line in missing_addresses():
            print(f"before the first release: {line}")


if __name__ == "__main__":
    main(*sys.argv[1:])
