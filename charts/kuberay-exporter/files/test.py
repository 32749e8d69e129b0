"""Run by `helm test`: requests the metrics until they include every kind, for at most one minute.

For an address `tcp://host:port` a connection is enough.
"""

import re
import socket
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

url, kinds = sys.argv[1], sys.argv[2].split(",")
deadline = time.monotonic() + 60
while True:
    try:
        if (address := urlsplit(url)).scheme == "tcp":
            socket.create_connection((address.hostname, address.port), timeout=10).close()
            sys.exit()
        with urllib.request.urlopen(url, timeout=10) as response:
            text = response.read().decode()
        break
    except OSError as exc:
        # The body of a 503 has the reason.
        reason = exc.read().decode() if isinstance(exc, urllib.error.HTTPError) else str(exc)
    if time.monotonic() > deadline:
        sys.exit(f"{url}: {reason}")
    time.sleep(1)

synced = dict(re.findall(r'^kuberay_exporter_synced{resource="(\w+)"[^}]*} (\d)', text, re.MULTILINE))
objects = dict(re.findall(r'^kuberay_exporter_objects{resource="(\w+)"[^}]*} (\d+)', text, re.MULTILINE))
if not synced and "\nkuberay_exporter_total_shards{" in text:
    print("a shard without any of the watched namespaces")
    sys.exit()
for kind in kinds:
    state = "listed" if synced.get(kind) == "1" else "not listed: no CRD, or no permission to list it"
    print(f"{kind}: {objects.get(kind, '0')} objects, {state}")
if set(synced) != set(kinds):
    sys.exit(f"expected {sorted(kinds)}, got {sorted(synced)}")
