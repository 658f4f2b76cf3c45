"""A service that is killed between commit and send: all arrives, at least once, in order per object."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from aiohttp import web

from lumengrid.processes import free_port
from tests.cloud.webhooks.receiver import receiving

ROOT = Path(__file__).parents[3]

SERVICE = """
import asyncio, sys
from pathlib import Path
import uvicorn
from cloud.app import create_app
from cloud.settings import Settings

app = create_app(Settings(port=int(sys.argv[1]), data_dir=Path(sys.argv[2]), rate_limit_per_minute=0))
parts = app.state.parts

async def announce(user_id, count):
    for step in ("created", "completed"):
        for number in range(count):
            async with parts.store.write() as tx:
                payload = {"investment_id": f"inv_{number}", "project_id": "prj_x", "user_id": user_id}
                await parts.events.announce(tx, f"investment.{step}", payload)
    print("committed", flush=True)

async def main():
    server = uvicorn.Server(uvicorn.Config(app, port=int(sys.argv[1]), log_config=None))
    life = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("started", flush=True)
    if len(sys.argv) > 3:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.readline)
        await announce(sys.argv[3], 20)
    await life

asyncio.run(main())
"""


@contextlib.contextmanager
def service(port: int, data: Path, *more: str):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(port), str(data), *more],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def register(port: int, url: str) -> str:
    wish = {"email": "ana@example.com", "password": "securepass123", "name": "Ana", "user_type": "consumer"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        token = client.post("/api/v1/auth/register", json=wish).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        events = ["investment.created", "investment.completed"]
        made = client.post("/v1/webhooks", json={"url": url, "events": events})
        assert made.status_code == 201, made.text
        user_id: str = client.get("/v1/user/me").json()["data"]["id"]
    return user_id


async def test_killed_between_commit_and_send_nothing_is_lost_and_order_holds(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "cloud"
    async with receiving() as receiver:
        with service(port, data):
            user_id = await asyncio.to_thread(register, port, receiver.url)
        held = asyncio.Event()

        async def hold(_came) -> web.StreamResponse:
            await held.wait()
            return web.Response()

        receiver.reply = hold
        with service(port, data, user_id) as process:
            process.stdin.write("go\n")
            process.stdin.flush()
            assert await asyncio.to_thread(process.stdout.readline) == "committed\n"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        held.set()
        before = len(receiver.came)
        assert before < 40
        with service(port, data):
            count = before
            while len({came.id for came in receiver.came}) < 40:
                count += 1
                await receiver.wait_for(count)
    for number in range(20):
        steps = [
            came.event["type"]
            for came in receiver.came
            if came.event["data"]["investment_id"] == f"inv_{number}"
        ]
        assert steps == sorted(steps, reverse=True), "created before completed"
        assert len(set(steps)) == 2
