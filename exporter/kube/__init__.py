"""Listing and watching one kind of object on a Kubernetes API server (client-go's semantics).

The only part that imports the `kubernetes` client: its configuration, credentials and pool. Independent
of Ray: the path and the type to decode are arguments.
"""
