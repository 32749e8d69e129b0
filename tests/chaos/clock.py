"""`python -m tests.chaos.clock FILE serve …`: the exporter, whose wall clock differs by the seconds in a file.

Only `time.time` is replaced: a jump of the system's clock does not move the monotonic one either. The kernel's own
times, such as those of files, stay.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

SECONDS = struct.Struct("d")


def main() -> None:
    with Path(sys.argv.pop(1)).open("r+b") as file:
        memory = mmap.mmap(file.fileno(), SECONDS.size)
    real = time.time
    time.time = lambda: real() + SECONDS.unpack_from(memory)[0]
    # Imported now, so that nothing keeps the real function.
    from exporter.__main__ import main as run_exporter

    run_exporter()


if __name__ == "__main__":
    main()
