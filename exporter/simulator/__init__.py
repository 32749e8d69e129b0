"""The simulated KubeRay cluster: an API server, and custom resources that change as the operator would change them.

With it the exporter can be tried, shown and tested without Kubernetes. `apiserver/` is independent of Ray, `kuberay/`
of HTTP. Only the `demo` command and the tests import it.
"""
