"""Listing and watching one kind of object on a Kubernetes API server (client-go's semantics).

The only part that connects to it, on urllib3. Independent of Ray: the path and the type to decode are arguments.
"""
