"""Runs the command line for tests: a process that has imported the exporter, and forks for each run.

Each run is a process of its own with its own arguments, environment and standard streams; only the imports, which
take longer than most runs, are done once.
"""

import json
import os
import socket
import sys

import exporter.app
import exporter.kube.client.access_loader  # noqa: F401 - what `serve` imports when it is called
from exporter.__main__ import main


def serve_runs(requests: socket.socket) -> None:
    """Answer each request with an exit code; end when the other side is closed."""
    while True:
        data, streams, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not data:
            return
        pid = os.fork()
        if not pid:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.environ.clear()
            sys.argv[1:], variables = json.loads(data)
            os.environ.update(variables)
            main()
            sys.exit()
        for stream in streams:
            os.close(stream)
        requests.send(bytes([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256]))


if __name__ == "__main__":
    serve_runs(socket.socket(fileno=int(sys.argv[1])))
