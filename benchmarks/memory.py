"""What holds the memory of an exporter: `make memory ARGS="1000 10000"`.

Each allocation counts for the part of the exporter whose code made it, per object of the cluster, after a list and a
compressed scrape. The simulated API server is a process of its own.
"""

import argparse
import gc
import json
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from benchmarks.bench import MODES, json_process
from exporter import app
from exporter.cli import serve_command
from exporter.exposition.text import Format
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.options import build_config

PACKAGE = f"{Path(app.__file__).parent}/"
PARTS = {
    "typed objects": ("kube/wire.py", "resources/"),
    "store": ("kube/store.py", "pipeline/shown_objects.py"),
    "pages": ("exposition/rendered_lines.py",),
    "lines": ("exposition/text.py",),
    "compressed": ("exposition/segments.py",),
    "counters": ("exposition/growing_lines.py", "families/", "collectors/"),
}


def part_of(path: str) -> str:
    inner = path.removeprefix(PACKAGE)
    return next((part for part, prefixes in PARTS.items() if inner.startswith(prefixes)), "other")


def measure(objects: int, mode: str, features: list[str]) -> Counter[str]:
    """Return the bytes of each part."""
    with json_process("benchmarks.cluster", "--objects", str(objects), *features, key="control") as (_, cluster):
        config = build_config(serve_command.make_context("serve", [*MODES[mode]]).params)
        server = json.loads(Path(cluster["kubeconfig"]).read_text())["clusters"][0]["cluster"]["server"]
        exporter = app.Exporter(config, ApiTransport(lambda: anonymous(server), connections=8))
        gc.collect()
        tracemalloc.start()
        exporter.start()
        while any(not informer.state().sync.is_complete for informer in exporter.informers):
            time.sleep(0.1)
        exporter.exposition.body(Format.TEXT, gzip=True)
        gc.collect()
        sizes = Counter({"all": tracemalloc.get_traced_memory()[0]})
        for statistic in tracemalloc.take_snapshot().statistics("filename"):
            sizes[part_of(statistic.traceback[0].filename)] += statistic.size
        tracemalloc.stop()
        exporter.stop()
        return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("objects", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--pods", action="store_const", const=["pods"], default=[], help="with pods and Events")
    arguments = parser.parse_args()
    parts = (*PARTS, "other", "all")
    heads = " | ".join(("objects", "metrics", *parts))
    sys.stdout.write(f"Bytes for each object:\n\n| {heads} |\n{'|---' * (len(parts) + 2)}|\n")
    for objects in arguments.objects:
        for mode in ("all", "nine"):
            sizes = measure(objects, mode, arguments.pods)
            numbers = " | ".join(f"{sizes[part] / objects:,.0f}" for part in parts)
            sys.stdout.write(f"| {objects:,} | {mode} | {numbers} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
