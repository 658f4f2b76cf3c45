"""Whoever is told of the end goes out of the chain whatever the order, and the rest is still told."""

import itertools
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cloud.realtime.stopping import told_before_the_server


@pytest.fixture
def told() -> Iterator[list[str]]:
    """In whose order; the server's own handler is `server`."""
    names: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: names.append("server"))
    yield names
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
def test_each_is_told_until_it_leaves_and_then_nothing_is_left(told, order):
    own = signal.getsignal(signal.SIGTERM)
    leave = {}
    for name in "abc":
        leave[name] = ExitStack()
        leave[name].enter_context(told_before_the_server(lambda name=name: told.append(name)))
    inside = ["c", "b", "a"]

    for name in order:
        told.clear()
        signal.raise_signal(signal.SIGTERM)
        assert told == [*inside, "server"]
        leave[name].close()
        inside.remove(name)

    assert signal.getsignal(signal.SIGTERM) is own


def test_a_handler_that_came_later_stays(told):
    leave = ExitStack()
    leave.enter_context(told_before_the_server(lambda: told.append("stream")))
    signal.signal(signal.SIGTERM, lambda *_: told.append("later"))
    leave.close()

    signal.raise_signal(signal.SIGTERM)

    assert told == ["later"]
