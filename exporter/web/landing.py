"""The page at `/`, for a browser."""

from html import escape

from exporter import __version__
from exporter.web.status import ExporterStatus

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>kuberay-exporter</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }}
td, th {{ padding: .2rem 1.5rem .2rem 0; text-align: left }}
td:nth-child(2) {{ text-align: right }}
@media (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark }} }}
</style>
</head>
<body>
<h1>kuberay-exporter {version}</h1>
<p>KubeRay's custom resources as Prometheus metrics.</p>
<table>
<tr><th>Resource</th><th>Objects</th><th>State</th></tr>
{rows}
</table>
<p>{readiness}</p>
<ul>
<li><a href="metrics">/metrics</a></li>
<li><a href="healthz">/healthz</a></li>
<li><a href="readyz">/readyz</a></li>
</ul>
</body>
</html>
"""


def landing_page(status: ExporterStatus) -> str:
    """Return the page as HTML: version, kinds, object counts, sync state and links."""
    rows = "\n".join(
        f"<tr><td>{escape(row.name)}</td><td>{row.objects}</td><td>{escape(row.state)}</td></tr>"
        for row in status.kinds()
    )
    reason = status.why_not_ready()
    readiness = f"Not ready: {escape(reason)}" if reason else "Ready."
    return _PAGE.format(version=escape(__version__), rows=rows, readiness=readiness)
