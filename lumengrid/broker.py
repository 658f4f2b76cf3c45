"""The embedded MQTT broker of `lumengrid up`: amqtt on loopback, every session authenticated.

For one machine. Production uses Mosquitto (systemd/mosquitto/). It keeps nothing across a restart, by
design: what must survive is in the agent's journal and in the cloud's database.
"""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from lumengrid.access import Secrets, load_secrets, may, password_is_right

logger = logging.getLogger(__name__)

_known: dict[str, Secrets] = {}
"""Secrets by file: amqtt builds its plugins itself and hands them nothing but their configuration."""


class LumengridAuth(BaseAuthPlugin):  # type: ignore[misc]
    """Passwords as `lumengrid.access` knows them."""

    async def authenticate(self, *, session: Session) -> bool:
        return any(password_is_right(known, session.username, session.password) for known in _known.values())


class LumengridTopics(BaseTopicPlugin):  # type: ignore[misc]
    """Access rules as `lumengrid.access` states them."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        if session is None or not session.username or not topic or action is None:
            return False
        return may(session.username, action.value, topic)


async def run_broker(*, host: str, port: int, secrets_file: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: the port is taken.
    """
    _known[str(secrets_file)] = load_secrets(secrets_file)
    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 500}},
        "plugins": {f"{__name__}.{plugin.__name__}": {} for plugin in (LumengridAuth, LumengridTopics)},
    }
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    broker = Broker(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    await broker.start()
    logger.info("broker ready address=%s:%d", host, port)
    await stopped.wait()
    try:
        await asyncio.wait_for(broker.shutdown(), timeout=2)
    except TimeoutError:
        logger.warning("broker shutdown timed out")
