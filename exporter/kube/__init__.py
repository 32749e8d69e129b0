"""Listing and watching one kind of object on a Kubernetes API server (client-go's semantics).

Connects through `client`, and knows only its `Transport`. Independent of Ray: the path and the type to decode are
arguments.
"""
