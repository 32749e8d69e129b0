"""From typed objects to samples: one module per kind, each with a table of families.

No I/O, no threads, no text. A new metric is a new row; a new kind is a struct, a module here, and a row
in `KINDS`.
"""

from exporter.collectors.event import EVENTS
from exporter.collectors.pod import PODS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.raycronjob import RAYCRONJOBS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.rayservice import RAYSERVICES
from exporter.collectors.table import AnyKind

KINDS: tuple[AnyKind, ...] = (RAYCLUSTERS, RAYJOBS, RAYSERVICES, RAYCRONJOBS, EVENTS, PODS)
"""Every kind that can be exported, in the order in which it is printed."""
