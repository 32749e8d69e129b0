"""Prints a CycloneDX list of the packages in the image, from the lock file: `python3 tools/sbom.py LOCK PACKAGES`.

Runs while the image is built, with the standard library alone. PACKAGES is the folder that pip installed into: what
the lock has for other platforms is left out, and licenses are read from the packages' own metadata.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, NamedTuple

SPEC_VERSION = "1.6"
_PIN = re.compile(r"^(?P<name>[\w.-]+)(\[[\w,.-]+\])?==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:(?P<sha256>[0-9a-f]{64})")


class Pin(NamedTuple):
    """One package of the lock, with the hashes of its files for all platforms."""

    name: str
    version: str
    sha256: tuple[str, ...]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Pin]:
    """Return the packages of a lock file with hashes."""
    blocks = re.split(r"\n(?=\S)", text)
    return [
        Pin(canonical(pin["name"]), pin["version"], tuple(_HASH.findall(block)))
        for block in blocks
        if (pin := _PIN.match(block))
    ]


def canonical(name: str) -> str:
    """Return a package's name as package URLs have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def sbom(pins: list[Pin], installed: dict[str, Distribution], version: str) -> dict[str, Any]:
    """Return the document; raises KeyError if something is installed that is not in the lock."""
    pinned = {pin.name: pin for pin in pins}
    components = [_component(pinned[name], installed[name]) for name in sorted(installed)]
    root = f"pkg:pypi/kuberay-exporter@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "kuberay-exporter",
                "version": version,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }


def _component(pin: Pin, distribution: Distribution) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "licenses": list(_licenses(distribution)),
        # Of each file that the lock allows, of which pip has installed one.
        "externalReferences": [
            {"type": "distribution", "url": pin.purl, "hashes": [{"alg": "SHA-256", "content": sha256}]}
            for sha256 in pin.sha256
        ],
    }


def _licenses(distribution: Distribution) -> Iterator[dict[str, Any]]:
    """Yield an expression, or the license as the package names it, if it does."""
    for expression in distribution.metadata.get_all("License-Expression") or ():
        yield {"expression": expression}
        return
    prefix = "License :: "
    classifiers = [one for one in distribution.metadata.get_all("Classifier") or () if one.startswith(prefix)]
    for classifier in classifiers:
        yield {"license": {"name": classifier.removeprefix(prefix)}}
    for name in distribution.metadata.get_all("License") or ():
        if name.strip() and not classifiers and "\n" not in name:
            yield {"license": {"name": name.strip()}}


def main(lock: Path, packages: Path, version: str) -> None:
    found = {canonical(one.metadata["Name"]): one for one in distributions(path=[str(packages)])}
    json.dump(sbom(read_lock(lock.read_text()), found, version), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
