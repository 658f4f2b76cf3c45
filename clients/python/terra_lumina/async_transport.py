"""Conversations over an asynchronous connection, and lists that are fetched while one walks through them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from terra_lumina import calls, models
from terra_lumina.calls import Call
from terra_lumina.conversation import (
    Answer,
    Caller,
    Conversation,
    Outcome,
    Renew,
    Step,
    Wait,
    one,
    page,
    unanswered,
)
from terra_lumina.errors import ConnectionFailedError, UnexpectedAnswerError
from terra_lumina.oauth import Token, token_of
from terra_lumina.streaming import Stream, Update, check_close, check_handshake, has_token_ended, stream_url

T = TypeVar("T")


class AsyncTransport:
    """Does what a conversation says, and waits for it."""

    def __init__(
        self, caller: Caller, http: httpx.AsyncClient, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self.caller = caller
        self.http = http
        self._sleep = sleep
        self._renewing = asyncio.Lock()

    async def one(self, call: Call[T]) -> T:
        return one(await self.carry_out(self.caller.call(call)), call.into)

    async def page(self, call: Call[T]) -> models.Page[T]:
        return page(await self.carry_out(self.caller.call(call)), call.into)

    async def carry_out(self, conversation: Conversation[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = await self._do(step)

    async def renew(self, stale: Token) -> Token:
        """One new token, however many tasks find the old one stale at once.

        It is kept also where the caller is cancelled meanwhile: the old refresh token is used up by then.
        """
        return await asyncio.shield(self._renew(stale))

    async def _renew(self, stale: Token) -> Token:
        account = self.caller.account
        async with self._renewing:
            if account.token is not None and account.token is not stale:
                return account.token
            form = account.signing_app().refresh_form(stale)
            answer = await self.carry_out(self.caller.form("/oauth/token", form))
            return account.keep(token_of(answer.body, self.caller.now_s(), stale))

    async def stream(self, stream: Stream) -> AsyncGenerator[Update, None]:
        """Raises:
        StreamClosedError: connecting again would not help.
        """
        url = stream_url(self.caller.base_url)
        account = self.caller.account
        ended: Token | None = None
        """The service no longer takes it."""
        renewed: Token | None = None
        """The last token that was got because the service no longer took the one before."""
        while True:
            try:
                if ended is not None:
                    renewed, ended = await self.renew(ended), None
                token = await self._credential()
            except ConnectionFailedError as error:
                if error.was_sent:
                    raise
                await self._sleep(stream.pause_s())
                continue
            try:
                async with connect(url) as connection:
                    for greeting in stream.greeting(token):
                        await connection.send(greeting)
                    async for said in connection:
                        for update in stream.heard(said):
                            renewed = None
                            yield update
            except ConnectionClosed as error:
                stale = account.renewable()
                if stale is None or stale is renewed or not has_token_ended(error.rcvd):
                    check_close(error.rcvd)
                else:
                    ended = stale
            except InvalidStatus as error:
                check_handshake(error.response.status_code)
            except (OSError, InvalidHandshake):
                pass
            await self._sleep(stream.pause_s())

    async def _credential(self) -> str:
        account = self.caller.account
        token = account.renewable()
        if token is not None and token.is_ending(self.caller.now_s()):
            await self.renew(token)
        return account.credential()

    async def _do(self, step: Step) -> Outcome:
        if isinstance(step, Wait):
            await self._sleep(step.seconds)
            return None
        if isinstance(step, Renew):
            await self.renew(step.stale)
            return None
        try:
            answer = await self.http.request(
                step.method, step.url, params=step.query, headers=step.headers, content=step.content
            )
        except httpx.RequestError as error:
            return unanswered(error)
        return Answer(answer.status_code, answer.headers, answer.content)


class AsyncPages(Generic[T]):
    """A list that is fetched page by page while it is walked through; each walk begins anew."""

    def __init__(self, transport: AsyncTransport, call: Call[T]) -> None:
        self._transport = transport
        self._call = call

    async def __aiter__(self) -> AsyncIterator[T]:
        async for part in self.pages():
            for item in part.items:
                yield item

    async def pages(self) -> AsyncIterator[models.Page[T]]:
        """What is fetched at once.

        Raises:
            UnexpectedAnswerError: the list leads back to where it was.
        """
        seen: set[str | None] = {None}
        cursor: str | None = None
        while True:
            part = await self._transport.page(calls.page_of(self._call, cursor))
            yield part
            cursor = part.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise UnexpectedAnswerError("the list leads back to where it was")
            seen.add(cursor)

    async def first(self) -> T | None:
        """None: the list is empty."""
        return await anext(aiter(self), None)
