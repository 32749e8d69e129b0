"""Samples to lines, lines to pages, pages to bodies: the text formats of Prometheus.

Knows nothing of Ray or Kubernetes.
"""
