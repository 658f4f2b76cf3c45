"""A service that answers with the document's own bodies, as they stand there, and can be told to fail."""

import json
import re
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import uvicorn

HOST = "127.0.0.1"
WAIT_S = 60
SECOND_PROJECT = "prj_second"
SECOND_PAGE = "eyJpZCI6MjB9"

BODIES: dict[str, msgspec.Raw] = msgspec.json.decode(
    (Path(__file__).parent / "documented.json").read_bytes(), type=dict[str, msgspec.Raw]
)
"""As written: 500.00 stays 500.00."""


@dataclass
class Seen:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Fault:
    """What the next request gets; None: nothing, the connection is closed."""

    status: int | None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    acts: bool = False
    """Whether what was asked for is done all the same."""


def refusal(status: int, code: str, **more: Any) -> Fault:
    error = {
        "code": code,
        "message": "why",
        "details": {"amount": "Must be more"},
        "request_id": "req_abc123",
    }
    return Fault(status, {"error": error | more})


class StandIn:
    """`base_url` is what clients are given."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://{HOST}:{port}/v1"
        self.begin_anew()

    def begin_anew(self) -> None:
        self.seen: list[Seen] = []
        self.faults: deque[Fault] = deque()
        self.invested: dict[str, bytes] = {}
        """By idempotency key."""
        self.tokens_given = 0
        self.token_ends = False
        """Whether only the token given last is good."""
        self.heard: list[list[dict[str, Any]]] = []
        """On the socket, by connection."""
        self.told: deque[tuple[int, list[Any], int]] = deque()
        """For each connection: after how many messages of the client what is said, and the close code."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._socket(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode()))
        request = Seen(scope["method"], scope["path"].removeprefix("/v1"), query, headers, body)
        self.seen.append(request)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.acts:
            self._act(request)
        if fault is None:
            status, answer, more = *self._act(request), {}
        elif fault.status is None:
            start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]}
            await send(start)
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            raise ConnectionAbortedError
        else:
            is_text = isinstance(fault.body, bytes)
            answer = fault.body if is_text else json.dumps(fault.body).encode()
            status, more = fault.status, fault.headers
        lines = [(b"content-type", b"application/json"), (b"x-request-id", b"req_header")]
        lines += [(name.lower().encode(), value.encode()) for name, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": answer})

    def _act(self, request: Seen) -> tuple[int, bytes]:
        if request.path == "/oauth/token":
            return 200, self._token()
        if request.path == "/oauth/revoke":
            return 200, b"{}"
        if self.token_ends and request.headers.get("authorization") != self._bearer():
            body = {"error": {"code": "AUTHENTICATION_REQUIRED", "message": "the token has ended"}}
            return 401, json.dumps(body).encode()
        answer = self._documented(request)
        if answer is None:
            return 404, json.dumps({"error": {"code": "RESOURCE_NOT_FOUND", "message": "none"}}).encode()
        if (request.method, request.path) == ("POST", "/investments"):
            return 201, self._invest(request, answer)
        return 200, answer

    def _bearer(self) -> str | None:
        return f"Bearer access-{self.tokens_given}" if self.tokens_given else None

    def _token(self) -> bytes:
        self.tokens_given += 1
        number = self.tokens_given
        answer = {
            "access_token": f"access-{number}",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"refresh-{number}",
            "scope": "read_profile read_portfolio make_investments",
        }
        return json.dumps(answer).encode()

    def _invest(self, request: Seen, answer: bytes) -> bytes:
        key = request.headers["idempotency-key"]
        number = len(self.invested) + 1
        named = b'"project_name": "Sunrise Solar Farm - Nevada",\n    "id": "inv_new%d"' % number
        return self.invested.setdefault(key, answer.replace(b'"id": "inv_new123"', named))

    def _documented(self, request: Seen) -> bytes | None:
        path = request.path
        if path == "/projects/search":
            path = "/projects"
        for name, body in BODIES.items():
            method, template = name.split(" ")
            if method == request.method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return (
                    _second_page(bytes(body)) if request.query.get("cursor") == SECOND_PAGE else bytes(body)
                )
        return None

    async def _socket(self, receive: Any, send: Any) -> None:
        await receive()
        heard: list[dict[str, Any]] = []
        self.heard.append(heard)
        awaited, said, code = self.told.popleft()
        await send({"type": "websocket.accept"})
        while len(heard) < awaited:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            heard.append(json.loads(message["text"]))
        for one in said:
            await send({"type": "websocket.send", "text": one if isinstance(one, str) else json.dumps(one)})
        await send({"type": "websocket.close", "code": code, "reason": "as told"})


def _second_page(first: bytes) -> bytes:
    last = first.replace(b'"prj_sunrise_solar"', f'"{SECOND_PROJECT}"'.encode())
    return last.replace(b'"has_more": true', b'"has_more": false').replace(
        f'"{SECOND_PAGE}"'.encode(), b"null"
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def listening() -> Iterator[StandIn]:
    with socket.create_server((HOST, 0)) as listener:
        stand_in = StandIn(listener.getsockname()[1])
        config = uvicorn.Config(stand_in, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert server.listens.wait(WAIT_S)
        yield stand_in
        server.should_exit = True
        thread.join(WAIT_S)
