"""An HTTP server on loopback that answers get, list and watch of KubeRay's kinds as kube-apiserver does."""
