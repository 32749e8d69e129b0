"""From typed objects to samples: one module per kind, each a table of families.

No I/O, no threads, no text. Adding a metric is adding a row; adding a kind is a struct, a module
here, and a row in `KINDS`.
"""

from typing import Any

from exporter.collectors.collector import Kind
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.rayservice import RAYSERVICES

KINDS: tuple[Kind[Any, Any], ...] = (RAYCLUSTERS, RAYJOBS, RAYSERVICES)
"""Every kind that can be exported, in the order in which it is printed."""
