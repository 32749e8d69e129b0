"""The API of objects (docs/api.md) with made-up objects: what the page is tested with, without a cluster."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.web.page import Page
from exporter.web.status import KindStatus

Object = dict[str, Any]

SEVERITIES = ["critical", "warning", "info", None]


def ago(**duration: float) -> str:
    return (datetime.now(UTC) - timedelta(**duration)).isoformat(timespec="seconds").replace("+00:00", "Z")


def finding(sentence: str, severity: str = "critical", **more: Any) -> Object:
    return {"cause": "unknown", "severity": severity, "sentence": sentence} | more


def made(kind: str, name: str, state: str, *findings: Object, namespace: str = "ml", **details: Any) -> Object:
    """Return an object as the list has it; the first finding gives its severity."""
    obj: Object = {
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "uid": f"{kind}-{namespace}-{name}",
        "state": state,
        "since": ago(minutes=14),
        "createdAt": ago(hours=2),
        "healthy": not findings,
        "findings": list(findings),
        "details": details,
    }
    return obj | ({"severity": findings[0]["severity"]} if findings else {})


def many(number: int) -> list[Object]:
    """Return healthy jobs, and one with a finding for each hundred."""
    return [
        made(
            "RayJob",
            f"job-{index:05}",
            "Failed" if index % 100 == 0 else "Running",
            *([finding(f"Job {index} failed.")] if index % 100 == 0 else []),
            namespace=f"team-{index % 20}",
            startTime=ago(minutes=index % 90),
            failed=0,
            backoffLimit=2,
            timeline=[
                {"state": "Initializing", "time": ago(minutes=index % 90 + 2)},
                {"state": "Running", "time": ago(minutes=index % 90)},
            ],
        )
        for index in range(number)
    ]


class ReadyStatus:
    """A status for the page."""

    not_ready: str | None = None

    def why_not_ready(self) -> str | None:
        return self.not_ready

    def incomplete(self) -> list[str]:
        return []

    def why_not_alive(self) -> str | None:
        return None

    def kinds(self) -> list[KindStatus]:
        return [KindStatus("rayjobs in <ns>", 7, "synced, watching")]


class MadeUpApi:
    """The objects, which tests change, and the answers; `extras` has conditions, pods and Events by name."""

    def __init__(self, objects: list[Object], links: Mapping[str, str] | None = None) -> None:
        self.objects = objects
        self.extras: dict[str, Object] = {}
        self.error: tuple[int, str] | None = None
        self.missing = ""
        self.requests: Counter[int] = Counter()
        self.status = ReadyStatus()
        self.page = Page(self.list_objects, self.status, links or {})

    def application(self) -> Starlette:
        item = "/api/v1/objects/{kind}/{namespace}/{name}"
        routes = [Route("/api/v1/objects", self._many), Route(item, self._one), Route("/readyz", self._readyz)]
        return Starlette(routes=[self.page.route(), *routes])

    def list_objects(self, parameters: Mapping[str, list[str]]) -> tuple[int, bytes]:
        if self.error:
            return self.error[0], json.dumps({"error": self.error[1]}).encode()
        matching = self._sorted([obj for obj in self.objects if _matches(obj, parameters)], parameters)
        start, limit = int(parameters.get("continue", ["0"])[0]), int(parameters.get("limit", ["500"])[0])
        more = {"continue": str(start + limit)} if start + limit < len(matching) else {}
        items = matching[start : start + limit]
        return 200, self._document(summary=self._summary(), total=len(matching), items=items, **more)

    def _sorted(self, objects: list[Object], parameters: Mapping[str, list[str]]) -> list[Object]:
        sort = parameters.get("sort", ["severity"])[0]
        if sort == "severity":
            return sorted(objects, key=lambda obj: SEVERITIES.index(obj.get("severity")))
        key = "createdAt" if sort == "created" else sort
        return sorted(objects, key=lambda obj: str(obj[key]), reverse=sort == "created")

    def _summary(self) -> Object:
        kinds: Object = {}
        for obj in self.objects:
            kind = kinds.setdefault(obj["kind"], {"total": 0, "unhealthy": 0, "states": Counter()})
            kind["total"] += 1
            kind["unhealthy"] += not obj["healthy"]
            kind["states"][obj["state"]] += 1
        hours = [{"time": ago(hours=hour)[:14] + "00:00Z", "complete": hour, "failed": hour % 3} for hour in range(9)]
        return {"kinds": kinds, "gpus": {"requested": 64, "ready": 48}, "jobsByHour": hours}

    def _document(self, **fields: Any) -> bytes:
        exporter = {"version": "0.1.0", "events": True, "pods": True}
        return json.dumps({"apiVersion": "v1", "time": ago(), "exporter": exporter} | fields).encode()

    async def _readyz(self, _request: Request) -> Response:
        missing = f", without {self.missing}" if self.missing else ""
        return PlainTextResponse(f"ok{missing}\n")

    async def _many(self, request: Request) -> Response:
        names = request.query_params.keys()
        return self._response(request, *self.list_objects({name: request.query_params.getlist(name) for name in names}))

    async def _one(self, request: Request) -> Response:
        wanted = tuple(request.path_params[name] for name in ("kind", "namespace", "name"))
        for obj in self.objects:
            if (obj["kind"], obj["namespace"], obj["name"]) == wanted:
                return self._response(request, 200, self._document(object=obj, **self.extras.get(obj["name"], {})))
        return self._response(request, 404, b'{"error": "no such object"}')

    def _response(self, request: Request, code: int, body: bytes) -> Response:
        content = json.loads(body) | {"time": ""}
        etag = f'"{hashlib.sha256(json.dumps(content).encode()).hexdigest()}"'
        code = 304 if code == 200 and request.headers.get("If-None-Match") == etag else code
        self.requests[code] += 1
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Content-Type": "application/json"}
        return Response(b"" if code == 304 else body, code, headers)


def _matches(obj: Object, parameters: Mapping[str, list[str]]) -> bool:
    exact = all(obj[key] in parameters[key] for key in ("kind", "namespace", "state") if key in parameters)
    healthy = str(obj["healthy"]).lower() in parameters.get("healthy", ["true", "false"])
    return exact and healthy and parameters.get("name", [""])[0].lower() in obj["name"]
