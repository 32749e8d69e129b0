"""Custom resources whose status changes as the KubeRay operator would change it, one step after the other."""
