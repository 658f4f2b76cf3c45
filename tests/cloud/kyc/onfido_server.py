"""A small Onfido behind a real HTTP server: applicants, Studio workflow runs, webhooks.

Written from https://documentation.onfido.com/api/latest (v3.6), not from the product's code.
"""

import hashlib
import itertools
import json
from collections import deque

from aiohttp import web

API_TOKEN = "api_sandbox.stand_in"
WEBHOOK_TOKEN = "onfido_webhook_stand_in"
WORKFLOW_ID = "3d1a2b"


def signed(body: bytes, token: str = WEBHOOK_TOKEN) -> str:
    """`X-SHA2-Signature`, by HMAC as RFC 2104 writes it."""
    key = token.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + body).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest()


class Onfido:
    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.applicants, self.runs = {}, {}
        self.faults = deque()  # a status to answer, or "lost"
        self.requests = []
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v3.6/applicants", self.add_applicant)
        app.router.add_post("/v3.6/workflow_runs", self.add_run)
        app.router.add_get("/v3.6/workflow_runs/{id}", self.run)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.runner.cleanup()

    def decide(self, run_id: str, status: str) -> bytes:
        """The webhook that Onfido would send."""
        self.runs[run_id]["status"] = status
        return self.webhook(run_id, "workflow_run.completed", status)

    def webhook(self, run_id: str, action: str, status: str) -> bytes:
        return json.dumps(
            {
                "payload": {
                    "resource_type": "workflow_run",
                    "action": action,
                    "object": {
                        "id": run_id,
                        "status": status,
                        "completed_at_iso8601": "2026-01-01T00:00:10Z",
                        "href": f"{self.url}/v3.6/workflow_runs/{run_id}",
                    },
                    "resource": {"id": run_id, "workflow_id": WORKFLOW_ID},
                }
            }
        ).encode()

    async def taken(self, request: web.Request) -> dict | web.Response:
        body = await request.json() if request.body_exists else {}
        self.requests.append((request.method, request.path, body))
        if request.headers.get("Authorization") != f"Token token={API_TOKEN}":
            return web.json_response({"error": {"type": "authorization_error"}}, status=401)
        fault = self.faults.popleft() if self.faults else None
        if fault == "lost":
            request.transport.abort()
            return web.Response()
        if fault is not None:
            return web.json_response({"error": {"type": "fault"}}, status=fault)
        return body

    async def add_applicant(self, request: web.Request) -> web.Response:
        body = await self.taken(request)
        if isinstance(body, web.Response):
            return body
        if not body.get("first_name") or not body.get("last_name"):
            return web.json_response({"error": {"type": "validation_error"}}, status=422)
        applicant = {"id": f"applicant-{next(self.numbers)}", **body}
        self.applicants[applicant["id"]] = applicant
        return web.json_response(applicant, status=201)

    async def add_run(self, request: web.Request) -> web.Response:
        body = await self.taken(request)
        if isinstance(body, web.Response):
            return body
        if body["applicant_id"] not in self.applicants or body["workflow_id"] != WORKFLOW_ID:
            return web.json_response({"error": {"type": "validation_error"}}, status=422)
        run_id = f"run-{next(self.numbers)}"
        url = f"https://eu.onfido.app/l/{run_id}"
        self.runs[run_id] = body | {
            "id": run_id,
            "status": "awaiting_input",
            "link": body["link"] | {"url": url},
        }
        return web.json_response(self.runs[run_id], status=201)

    async def run(self, request: web.Request) -> web.Response:
        body = await self.taken(request)
        if isinstance(body, web.Response):
            return body
        found = self.runs.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": {"type": "resource_not_found"}}, status=404)
        return web.json_response(found)
