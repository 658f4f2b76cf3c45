"""A service that really listens, a browser, and an application's own address to come back to."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn

from cloud.app import create_app
from cloud.settings import Settings
from tests.browser import LAUNCH, skip_without_chromium
from tests.cloud.web.person import Person

WAIT_S = 40


class Served(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service on a real socket with the machine's clock."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        settings = Settings(
            port=port,
            data_dir=tmp_path_factory.mktemp("live") / "cloud",
            rate_limit_per_minute=0,
            sign_ins_per_minute=0,
        )
        server = Served(uvicorn.Config(create_app(settings), log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        assert server.listens.wait(WAIT_S)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(WAIT_S)


class Callback:
    """An application's redirect URI, where it waits for its users."""

    def __init__(self, port: int) -> None:
        self.uri = f"http://127.0.0.1:{port}/callback"
        self.came: SimpleQueue[str] = SimpleQueue()

    def url(self) -> str:
        """With which somebody came back."""
        return self.came.get(timeout=WAIT_S)

    def said(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url()).query).items()}


@pytest.fixture
def callback() -> Iterator[Callback]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/callback"):
                found.came.put(f"http://127.0.0.1:{server.server_port}{self.path}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<title>Back</title>You are back.")

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found = Callback(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join(WAIT_S)
    server.server_close()


@pytest.fixture
def ana(base_url: str) -> Iterator[Person]:
    """Somebody new, signed in at the pages."""
    with contextlib.closing(Person(base_url)) as person:
        person.sign_up()
        yield person


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """While it runs, the thread has an event loop: a module of these tests has no `async` ones."""
    skip_without_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(**LAUNCH)
        yield launched
        launched.close()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """With no window open and no cookie."""
    yield chromium
    for context in chromium.contexts:
        context.close()


@pytest.fixture(scope="module")
def pictures() -> Path | None:
    """Where pages are drawn to when somebody wants to look at them: the folder `PICTURES` names."""
    folder = os.environ.get("PICTURES")
    return Path(folder) if folder else None
