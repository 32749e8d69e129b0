"""The simulated KubeRay cluster: an API server, its storage and the lives of Ray objects.

It exists so that the exporter can be tried, shown and tested without a cluster. Nothing in
the product path imports it.
"""
