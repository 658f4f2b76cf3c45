"""Reads that were not changed since: `ETag` on each answer, 304 without a body to who has it already.

https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match
"""

import hashlib

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from cloud.kit.http import header_of

OK = 200
NOT_MODIFIED = 304
_OF_A_BODY = frozenset({b"content-length", b"content-type"})


class ConditionalReads(ASGIMiddleware):
    """Tags whole answers to GET with status 200; streams, and what has a tag, pass as they are."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope.get("method") != "GET":
            await next_app(scope, receive, send)
            return
        known = header_of(scope, "if-none-match") or ""
        await next_app(scope, receive, _Answer(known, send).send)


class _Answer:
    """Holds the head of an answer back until its body is known."""

    def __init__(self, known: str, send: Send) -> None:
        self._known = known
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in message["headers"]}
            if message["status"] == OK and b"etag" not in names:
                self._head = message
                return
        elif message["type"] == "http.response.body" and self._head is not None:
            head, self._head = self._head, None
            if message.get("more_body"):
                await self._send(head)
            else:
                await self._tagged(head, message)
                return
        await self._send(message)

    async def _tagged(self, head: Message, body: Message) -> None:
        assert head["type"] == "http.response.start"  # noqa: S101  nothing else is held
        assert body["type"] == "http.response.body"  # noqa: S101  nothing else ends the wait
        tag = f'"{hashlib.sha256(body["body"]).hexdigest()[:32]}"'
        headers = [*head["headers"], (b"etag", tag.encode())]
        if not is_known(tag, self._known):
            await self._send({**head, "headers": headers})
            await self._send(body)
            return
        kept = [(name, value) for name, value in headers if name not in _OF_A_BODY]
        await self._send({**head, "status": NOT_MODIFIED, "headers": kept})
        await self._send({**body, "body": b""})


def is_known(tag: str, if_none_match: str) -> bool:
    """Whether the header names the tag, or any; weak and strong tags are alike to it."""
    named = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in named or named == ["*"]
