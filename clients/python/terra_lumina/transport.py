"""Conversations over a blocking connection, and lists that are fetched while one walks through them."""

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

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


class Transport:
    """Does what a conversation says, and waits for it."""

    def __init__(self, caller: Caller, http: httpx.Client, sleep: Callable[[float], None]) -> None:
        self.caller = caller
        self.http = http
        self._sleep = sleep
        self._renewing = threading.Lock()

    def one(self, call: Call[T]) -> T:
        return one(self.carry_out(self.caller.call(call)), call.into)

    def page(self, call: Call[T]) -> models.Page[T]:
        return page(self.carry_out(self.caller.call(call)), call.into)

    def carry_out(self, conversation: Conversation[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = conversation.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = self._do(step)

    def renew(self, stale: Token) -> Token:
        """One new token, however many threads find the old one stale at once."""
        account = self.caller.account
        with self._renewing:
            if account.token is not None and account.token is not stale:
                return account.token
            form = account.signing_app().refresh_form(stale)
            answer = self.carry_out(self.caller.form("/oauth/token", form))
            return account.keep(token_of(answer.body, self.caller.now_s(), stale))

    def stream(self, stream: Stream) -> Generator[Update, None, None]:
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
                    renewed, ended = self.renew(ended), None
                token = self._credential()
            except ConnectionFailedError as error:
                if error.was_sent:
                    raise
                self._sleep(stream.pause_s())
                continue
            try:
                with connect(url) as connection:
                    for greeting in stream.greeting(token):
                        connection.send(greeting)
                    for said in connection:
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
            self._sleep(stream.pause_s())

    def _credential(self) -> str:
        account = self.caller.account
        token = account.renewable()
        if token is not None and token.is_ending(self.caller.now_s()):
            self.renew(token)
        return account.credential()

    def _do(self, step: Step) -> Outcome:
        if isinstance(step, Wait):
            self._sleep(step.seconds)
            return None
        if isinstance(step, Renew):
            self.renew(step.stale)
            return None
        try:
            answer = self.http.request(
                step.method, step.url, params=step.query, headers=step.headers, content=step.content
            )
        except httpx.RequestError as error:
            return unanswered(error)
        return Answer(answer.status_code, answer.headers, answer.content)


class Pages(Generic[T]):
    """A list that is fetched page by page while it is walked through; each walk begins anew."""

    def __init__(self, transport: Transport, call: Call[T]) -> None:
        self._transport = transport
        self._call = call

    def __iter__(self) -> Iterator[T]:
        for part in self.pages():
            yield from part.items

    def pages(self) -> Iterator[models.Page[T]]:
        """What is fetched at once.

        Raises:
            UnexpectedAnswerError: the list leads back to where it was.
        """
        seen: set[str | None] = {None}
        cursor: str | None = None
        while True:
            part = self._transport.page(calls.page_of(self._call, cursor))
            yield part
            cursor = part.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise UnexpectedAnswerError("the list leads back to where it was")
            seen.add(cursor)

    def first(self) -> T | None:
        """None: the list is empty."""
        return next(iter(self), None)
