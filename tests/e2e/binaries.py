"""etcd, kube-apiserver and kubectl, built from the Go module in `controlplane/` and kept between runs.

They are kept in .cache/e2e of the checkout, or in the folder $E2E_CACHE, in one folder for each version of the
module. Run as a program, it builds the missing ones.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODULE = Path(__file__).parent / "controlplane"
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
CACHE = Path(os.environ.get("E2E_CACHE") or Path(__file__).parents[2] / ".cache" / "e2e")


def folder() -> Path:
    """Return the folder for the programs of this version of the module."""
    digest = hashlib.sha256()
    for path in sorted(path for path in MODULE.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return CACHE / digest.hexdigest()[:16]


def build() -> Path:
    """Build the missing programs, which takes minutes the first time. Returns the folder."""
    target = folder()
    if target.is_dir():
        return target
    if not shutil.which("go"):
        sys.exit("make e2e: the API server is built from its Go module, which needs Go (https://go.dev/dl/)")
    _say(f"building {', '.join(PROGRAMS)}: some minutes, once for each version")
    started_at = time.monotonic()
    CACHE.mkdir(parents=True, exist_ok=True)
    # Renamed when it is complete, so that an interrupted build is never used.
    with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
        output = Path(unfinished) / "bin"
        subprocess.run(
            ["go", "build", "-buildvcs=false", "-trimpath", "-ldflags", _link_flags(), "-o", f"{output}/", "./..."],
            cwd=MODULE,
            env=os.environ | {"CGO_ENABLED": "0"},
            check=True,
        )
        output.rename(target)
    _say(f"built in {time.monotonic() - started_at:.0f} s: {target}")
    return target


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - whoever waits for minutes wants to know what for


def _link_flags() -> str:
    """Return linker flags that set the programs' version, as in a release, and omit debug symbols."""
    match = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    assert match
    values = {"gitVersion": match[1], "gitMajor": match[2], "gitMinor": match[3]}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())])


if __name__ == "__main__":
    build()
