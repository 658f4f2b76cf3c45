"""Broker addresses, and the connection's manners that need no broker."""

import asyncio
from types import SimpleNamespace

import pytest

from shared.mqtt import Broker, LinkState, Message, MqttLink, parse_broker_url, reconnect_delays_s


@pytest.mark.parametrize(
    "url, host, port, tls, username, password",
    [
        ("mqtt://broker", "broker", 1883, False, None, None),
        ("mqtts://broker", "broker", 8883, True, None, None),
        ("mqtt://127.0.0.1:2883", "127.0.0.1", 2883, False, None, None),
        ("mqtt://[::1]:2883", "::1", 2883, False, None, None),
        ("mqtt://pi@broker", "broker", 1883, False, "pi", None),
        ("mqtts://pi:secret@broker:9000", "broker", 9000, True, "pi", "secret"),
    ],
)
def test_an_address_by_its_parts(url, host, port, tls, username, password):
    assert parse_broker_url(url) == Broker(
        host=host, port=port, tls=tls, username=username, password=password
    )


def test_a_password_given_apart_wins():
    assert parse_broker_url("mqtt://pi:old@broker", password="new").password == "new"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://:1883",
        "ws://broker",
        "mqtt://broker:99999",
        "mqtt://broker:port",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match=r"MQTT|[Pp]ort"):
        parse_broker_url(url)


def test_a_broker_never_prints_its_password():
    broker = parse_broker_url("mqtts://pi:secret@broker")

    assert (repr(broker), str(broker)) == ("mqtts://broker:8883", "mqtts://broker:8883")


def a_link(broker=None, **options):
    broker = broker or Broker(host="127.0.0.1", port=1)
    return MqttLink(broker, client_id="test", subscriptions=["a/#"], **options)


def test_nothing_is_published_while_the_connection_is_down():
    link = a_link(on_messages=lambda _batch: None)

    assert link.state is LinkState.DOWN
    assert link.publish("a/b", b"x") is False


async def test_messages_reach_the_loop_in_one_batch_and_in_order():
    batches = []
    link = a_link(on_messages=batches.append)
    link._loop = asyncio.get_running_loop()

    for number in range(3):  # as paho's thread calls it
        link._received(None, None, SimpleNamespace(topic="a/b", payload=bytes([number]), retain=number == 0))
    await asyncio.sleep(0)

    assert batches == [
        [Message("a/b", b"\x00", True), Message("a/b", b"\x01", False), Message("a/b", b"\x02", False)]
    ]


async def test_an_overflow_drops_the_oldest_and_counts_them(monkeypatch):
    monkeypatch.setattr("shared.mqtt.INCOMING_MAX", 2)
    batches = []
    link = a_link(on_messages=batches.append)
    link._loop = asyncio.get_running_loop()

    for number in range(5):
        link._received(None, None, SimpleNamespace(topic="a", payload=bytes([number]), retain=False))
    await asyncio.sleep(0)

    assert link.dropped == 3
    assert [message.payload for message in batches[0]] == [b"\x03", b"\x04"]


async def test_a_loss_is_told_once_per_change():
    lost, found = [], []
    link = a_link(
        on_messages=lambda _batch: None, on_up=lambda: found.append(link.state), on_down=lost.append
    )

    link._found()
    link._lost("keepalive")
    link._lost("refused")
    link._found()

    assert found == [LinkState.UP, LinkState.UP]
    assert lost == ["keepalive"]


def test_a_fleet_that_lost_its_broker_does_not_return_as_one() -> None:
    pauses = [reconnect_delays_s() for _ in range(200)]

    assert all(0.5 <= first_s <= 2.0 and 20 <= longest_s <= 30 for first_s, longest_s in pauses)
    assert len({first_s for first_s, _ in pauses}) > 190
