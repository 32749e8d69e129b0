"""Listing and watching kinds of a Kubernetes API server (client-go's semantics); path and type are arguments."""
