"""Run by `helm test`: ask URL until it has metrics of every kind, for a minute at most."""

import re
import sys
import time
import urllib.error
import urllib.request

url, kinds = sys.argv[1], sys.argv[2].split(",")
deadline = time.monotonic() + 60
while True:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            text = response.read().decode()
        break
    except OSError as exc:
        # 503 says in its body what is still missing.
        reason = exc.read().decode() if isinstance(exc, urllib.error.HTTPError) else str(exc)
    if time.monotonic() > deadline:
        sys.exit(f"{url}: {reason}")
    time.sleep(1)

synced = dict(re.findall(r'^kuberay_exporter_synced{resource="(\w+)"} (\d)', text, re.MULTILINE))
objects = dict(re.findall(r'^kuberay_exporter_objects{resource="(\w+)"} (\d+)', text, re.MULTILINE))
for kind in kinds:
    state = "listed" if synced.get(kind) == "1" else "not listed: no such kind in this cluster, or no right to list it"
    print(f"{kind}: {objects.get(kind, '0')} objects, {state}")
if set(synced) != set(kinds):
    sys.exit(f"expected {sorted(kinds)}, got {sorted(synced)}")
