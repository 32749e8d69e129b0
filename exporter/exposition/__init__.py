"""Samples to lines, lines to pages, pages to bodies: the text formats of Prometheus.

Independent of Ray and Kubernetes.
"""
