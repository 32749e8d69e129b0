"""Deletes from a folder of packages what the exporter never loads: `python3 tools/prune.py PACKAGES CODE`.

Runs while the image is built, with the standard library alone. What is loaded is found by importing the exporter as a
whole. Distributions of which nothing is loaded are deleted, such as those of the kubernetes client's asyncio half, and
in that client also single modules: it has one for each type of Kubernetes.
"""

import importlib
import pkgutil
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

PRUNED_BY_MODULE = "kubernetes"


def loaded_files(code: Path) -> set[Path]:
    """Import all modules of the exporter in `code`; return the files of all modules that are loaded then."""
    for module in pkgutil.walk_packages([str(code / "exporter")], "exporter."):
        if module.name != "exporter.__main__":
            importlib.import_module(module.name)
    return {Path(file) for module in sys.modules.values() if (file := getattr(module, "__file__", None))}


def unused_files(distribution: Distribution, loaded: set[Path], packages: Path) -> set[Path]:
    """Return the files of a distribution that can be deleted."""
    files = {Path(str(distribution.locate_file(file))) for file in distribution.files or ()}
    own = {file for file in files if packages in file.parents and ".." not in file.parts}
    if not own & loaded:
        return own
    if distribution.name == PRUNED_BY_MODULE:
        return {file for file in own - loaded if not file.parent.name.endswith(".dist-info")}
    return set()


def main() -> None:
    packages, code = (Path(argument).resolve() for argument in sys.argv[1:])
    sys.path[:0] = [str(code), str(packages)]
    loaded = loaded_files(code)
    for distribution in distributions(path=[str(packages)]):
        for file in unused_files(distribution, loaded, packages):
            file.unlink(missing_ok=True)
    # The deepest first, so that folders of empty folders are deleted as well.
    for folder in sorted((path for path in packages.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


if __name__ == "__main__":
    main()
