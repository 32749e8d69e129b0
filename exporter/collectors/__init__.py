"""From typed objects to samples: one module per kind, each with a table of families.

No I/O, no threads, no text. A new metric is a new row; `exporter.kinds` has all kinds.
"""
