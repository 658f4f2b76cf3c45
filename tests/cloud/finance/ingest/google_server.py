"""A small Google behind a real HTTP server: OAuth tokens and one mailbox with its history.

Written from Google's own descriptions of OAuth 2.0 for web servers and of the Gmail API, not from the
product's code.
"""

import base64
import hashlib
from collections import deque
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

CLIENT_ID, CLIENT_SECRET = "1234.apps.example.com", "google-secret"


class Google:
    def __init__(self) -> None:
        self.url = ""
        self.mails: dict[str, tuple[bytes, int]] = {}
        self.history: list[tuple[int, str]] = []
        self.history_from = 0
        self.page_size = 2
        self.faults: deque[int] = deque()
        self.ill_at: str | None = None
        """The mail at which it fails once."""
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.requests: list[str] = []

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/token", self.token)
        app.router.add_get("/gmail/v1/users/me/profile", self.profile)
        app.router.add_get("/gmail/v1/users/me/messages", self.search)
        app.router.add_get("/gmail/v1/users/me/messages/{id}", self.message)
        app.router.add_get("/gmail/v1/users/me/history", self.changes)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.runner.cleanup()

    def receive(self, id_: str, mail: bytes, at_ms: int = 1_767_000_000_000) -> None:
        self.mails[id_] = (mail, at_ms)
        self.history.append((len(self.history) + 1, id_))

    def consent(self, auth_url: str) -> tuple[str, str]:
        """What the person's browser brings back: state and code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(auth_url).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["scope"] == "https://www.googleapis.com/auth/gmail.readonly"
        assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return asked["state"], code

    async def token(self, request: web.Request) -> web.Response:
        form: dict[str, Any] = dict(await request.post())
        if self.faults:
            return web.json_response({"error": "backend"}, status=self.faults.popleft())
        if (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return web.json_response({"error": "invalid_grant"}, status=400)
            return web.json_response({"access_token": "access", "expires_in": 3599})
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge:
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert asked["redirect_uri"] == form["redirect_uri"]
        token = f"1//refresh-{len(self.refresh_tokens)}"
        self.refresh_tokens.add(token)
        return web.json_response({"access_token": "access", "refresh_token": token, "expires_in": 3599})

    def _fault(self, request: web.Request) -> web.Response | None:
        self.requests.append(request.path_qs)
        if request.headers.get("Authorization") != "Bearer access":
            return web.json_response({"error": {"code": 401}}, status=401)
        if self.faults:
            return web.json_response({"error": {"code": 0}}, status=self.faults.popleft())
        return None

    async def profile(self, request: web.Request) -> web.Response:
        return self._fault(request) or web.json_response(
            {"emailAddress": "ana@gmail.example", "historyId": str(len(self.history))}
        )

    def _page(self, request: web.Request, rows: list[Any]) -> tuple[list[Any], dict[str, str]]:
        first = int(request.query.get("pageToken", "0"))
        after = first + self.page_size
        return rows[first:after], {"nextPageToken": str(after)} if after < len(rows) else {}

    async def search(self, request: web.Request) -> web.Response:
        if fault := self._fault(request):
            return fault
        assert "newer_than:90d" in request.query["q"]
        rows, more = self._page(request, list(self.mails))
        found = {"messages": [{"id": id_, "threadId": id_} for id_ in rows]} if rows else {}
        return web.json_response({**found, **more, "resultSizeEstimate": len(self.mails)})

    async def changes(self, request: web.Request) -> web.Response:
        if fault := self._fault(request):
            return fault
        start = int(request.query["startHistoryId"])
        assert request.query["historyTypes"] == "messageAdded"
        if start < self.history_from:
            return web.json_response({"error": {"code": 404}}, status=404)
        rows, more = self._page(request, [one for one in self.history if one[0] > start])
        records = [{"id": str(n), "messagesAdded": [{"message": {"id": id_}}]} for n, id_ in rows]
        found = {"history": records} if records else {}
        return web.json_response({**found, **more, "historyId": str(len(self.history))})

    async def message(self, request: web.Request) -> web.Response:
        if fault := self._fault(request):
            return fault
        assert request.query["format"] == "raw"
        if request.match_info["id"] == self.ill_at:
            self.ill_at = None
            return web.json_response({"error": {"code": 503}}, status=503)
        if request.match_info["id"] not in self.mails:
            return web.json_response({"error": {"code": 404}}, status=404)
        mail, at_ms = self.mails[request.match_info["id"]]
        raw = base64.urlsafe_b64encode(mail).decode()
        return web.json_response({"id": request.match_info["id"], "internalDate": str(at_ms), "raw": raw})
