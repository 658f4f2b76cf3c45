"""Opened, closed, opened again, reset, crashed: nothing is lost but by a reset."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from cloud.app import Parts
from cloud.errors import NotFound
from cloud.identity.scopes import Scope
from cloud.sandbox.due import Due
from cloud.sandbox.errors import SandboxesBusy
from cloud.sandbox.service import IDLE_S, LOOK_S
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.applications import application
from tests.cloud.sandbox.conftest import Developer, Developers, key_of, signed_up


@asynccontextmanager
async def served(settings: Settings, clock: ManualClock) -> AsyncIterator[tuple[Parts, httpx.AsyncClient]]:
    async with application(settings, clock) as app, app.lifespan():
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            yield app.state.parts, client


async def test_a_restart_keeps_data_and_clock(
    parts: Parts, settings: Settings, clock: ManualClock, ana: Developer, tmp_path: Path
) -> None:
    await ana.verify()
    made = await ana.invest("1000.00")
    await ana.move(to="2027-05-05T00:00:00Z")
    await parts.sandboxes.close()
    clock.advance(60)

    after = Developer(ana.client, ana.person, ana.key)
    assert (await after.get("/clock"))["data"]["now"] == "2027-05-05T00:01:00Z"
    assert (await after.get(f"/investments/{made['id']}"))["data"]["status"] == "completed"
    assert len((await after.get("/distributions"))["data"]) == 5


async def test_what_became_due_while_it_was_closed_is_done_when_it_is_opened(
    parts: Parts, clock: ManualClock, ana: Developer
) -> None:
    await ana.verify()
    await ana.invest("1000.00")
    await parts.sandboxes.close()
    clock.advance(190 * 24 * 3_600)

    await ana.get("/clock")
    sandbox = await ana.sandbox(parts)
    async with asyncio.timeout(20), sandbox._turn:  # behind its first look
        pass
    assert [one["id"][:12] for one in (await ana.get("/distributions"))["data"]] == [
        "dist_q2_2026",
        "dist_q1_2026",
    ]


async def test_a_crash_in_the_middle_of_a_move_loses_nothing_and_time_goes_on_from_there(
    settings: Settings, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files as they lie on disk at that moment are all that the next process has."""
    copied = tmp_path / "after the crash"
    stops = asyncio.Event()
    real_run = Due.run

    async def run(due: Due) -> None:
        await real_run(due)
        if due._services.clock.now().isoformat() == "2027-07-01T00:00:00+00:00":
            shutil.copytree(settings.data_dir, copied)
            stops.set()
            await asyncio.Event().wait()

    async with served(settings, clock) as (parts, client):
        person = await signed_up(parts)
        key = await key_of(parts, person)
        ana = Developer(client, person, key)
        await ana.verify()
        await ana.invest("1000.00")
        monkeypatch.setattr(Due, "run", run)
        moving = asyncio.ensure_future(ana.move(to="2030-01-01T00:00:00Z"))
        async with asyncio.timeout(60):
            await stops.wait()
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
    monkeypatch.setattr(Due, "run", real_run)

    async with served(structs.replace(settings, data_dir=copied), clock) as (_, client):
        ana = Developer(client, person, key)
        assert (await ana.get("/clock"))["data"]["now"] == "2027-07-01T00:00:00Z"
        assert len((await ana.get("/distributions"))["data"]) == 6
        await ana.move(to="2030-01-01T00:00:00Z")
        assert len((await ana.get("/distributions"))["data"]) == 16


async def test_reset_begins_anew_and_leaves_no_file_of_before(parts: Parts, ana: Developer) -> None:
    await ana.verify()
    await ana.invest()
    await ana.move(advance_days=100)
    old = await ana.sandbox(parts)

    shown = await ana.post("/reset", status=200)

    assert (shown["now"], shown["resets"]) == ("2026-01-01T00:00:00Z", 1)
    assert (await ana.get("/investments"))["data"] == []
    assert (await ana.get("/user/me/kyc"))["data"]["status"] == "not_started"
    assert len((await ana.get("/projects"))["data"]) == 6
    assert not old.folder.exists()
    assert [folder.name for folder in old.folder.parent.iterdir()] == ["2"]
    await parts.sandboxes.close()
    assert (await ana.get("/sandbox"))["data"]["resets"] == 1


async def test_applications_work_on_after_a_reset(
    parts: Parts, client: httpx.AsyncClient, ana: Developer
) -> None:
    sandbox = await ana.sandbox(parts)
    made = await sandbox.services.applications.register(
        sandbox.person,
        name="Diary",
        is_confidential=True,
        redirect_uris=["https://diary.example.com/back"],
        scopes=frozenset({Scope.READ_PROJECTS}),
    )
    form = {"grant_type": "client_credentials"}
    auth = (made.application.client_id, made.secret or "")
    before = (await client.post("/sandbox/v1/oauth/token", data=form, auth=auth)).json()["access_token"]

    await ana.post("/reset", status=200)

    answer = await client.post("/sandbox/v1/oauth/token", data=form, auth=auth)
    assert answer.status_code == 200, answer.text
    fresh = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get("/sandbox/v1/projects", headers=fresh)).status_code == 200
    stale = {"Authorization": f"Bearer {before}"}
    assert (await client.get("/sandbox/v1/projects", headers=stale)).status_code == 401


async def test_resets_while_requests_are_under_way_fail_none_of_them(parts: Parts, ana: Developer) -> None:
    await ana.get("/sandbox")
    calls = [
        call
        for number in range(6)
        for call in (
            ana.call("GET", "/projects"),
            ana.call("POST", "/projects/prj_sunrise_solar/updates", json={"title": "t", "content": "x"}),
            ana.call("POST", "/clock", json={"advance_days": 200}),
            *([ana.call("POST", "/reset")] if number % 2 else []),
        )
    ]

    answers = await asyncio.gather(*calls)

    assert {one.status_code for one in answers} <= {200, 201}, [one.text for one in answers]
    assert (await ana.get("/sandbox"))["data"]["resets"] == 3


async def test_a_reset_stops_a_clock_that_is_being_moved(
    ana: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.verify()
    await ana.invest("1000.00")
    began = asyncio.Event()
    real_run = Due.run

    async def run(due: Due) -> None:
        if due._services.clock.now().year == 2030:
            began.set()
            await asyncio.sleep(0)
        await real_run(due)

    monkeypatch.setattr(Due, "run", run)
    moving = asyncio.ensure_future(ana.move(to="2100-01-01T00:00:00Z"))
    async with asyncio.timeout(60):
        await began.wait()
    await ana.post("/reset", status=200)

    assert (await moving)["reached"] is False
    assert (await ana.get("/clock"))["data"]["now"].startswith("2026-01-01")


async def test_only_so_many_are_open_and_the_one_unused_for_longest_goes(
    settings: Settings, clock: ManualClock
) -> None:
    async with served(structs.replace(settings, sandboxes_open_max=2), clock) as (parts, client):
        people = [await signed_up(parts) for _ in range(3)]
        ana, ben, cem = [Developer(client, one, await key_of(parts, one)) for one in people]
        await ana.move(advance_days=5)
        await ben.get("/clock")
        await ana.get("/clock")
        ben_s = await ben.sandbox(parts)
        await ana.get("/clock")
        await cem.get("/clock")

        assert parts.sandboxes.open_total == 2
        assert ben_s._ends.is_set()
        assert (await ana.get("/clock"))["data"]["now"] == "2026-01-06T00:00:00Z"
        with (
            await parts.sandboxes.enter(await ana.name(parts)),
            await parts.sandboxes.enter(await cem.name(parts)),
        ):
            refused = await ben.call("GET", "/clock")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
            with pytest.raises(SandboxesBusy):
                await parts.sandboxes.enter(await ben.name(parts))
        assert (await ben.get("/clock"))["data"]["now"] == "2026-01-01T00:00:00Z"


async def test_one_that_nobody_uses_is_closed(
    parts: Parts, clock: ManualClock, developers: Developers
) -> None:
    ana = await developers("ana")
    await ana.get("/clock")
    sandbox = await ana.sandbox(parts)
    clock.advance(IDLE_S)
    await (await developers("ben")).get("/clock")
    clock.advance(LOOK_S)
    async with asyncio.timeout(20):
        await asyncio.gather(*sandbox._tasks, return_exceptions=True)

    assert parts.sandboxes.open_total == 1
    await ana.get("/clock")
    assert parts.sandboxes.open_total == 2


async def test_one_that_failed_is_opened_afresh(
    parts: Parts, ana: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.move(advance_days=3)
    sandbox = await ana.sandbox(parts)

    async def fail(_: Due) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(Due, "run", fail)
        sandbox._news.set()
        async with asyncio.timeout(20):
            await sandbox._tasks[-1]
    assert sandbox.has_failed
    assert (await ana.get("/clock"))["data"]["now"] == "2026-01-04T00:00:00Z"
    assert await ana.sandbox(parts) is not sandbox


async def test_a_full_one_takes_no_more_until_it_is_reset(settings: Settings, clock: ManualClock) -> None:
    async with served(structs.replace(settings, sandbox_bytes_max=2_000), clock) as (parts, client):
        person = await signed_up(parts)
        ana = Developer(client, person, await key_of(parts, person))
        await ana.get("/projects")

        refused = await ana.call("POST", "/clock", json={"advance_days": 1})

        assert refused.status_code == 409
        assert "reset" in refused.json()["error"]["message"]
        await ana.post("/reset", status=200)


async def test_nobody_enters_what_was_never_made(parts: Parts) -> None:
    with pytest.raises(NotFound):
        await parts.sandboxes.enter("sb_0123456789abcdefghjkmnpqrs")


async def test_many_first_requests_at_once_make_one_sandbox(parts: Parts, developers: Developers) -> None:
    ana = await developers("ana")
    answers: list[Any] = await asyncio.gather(*(ana.get("/sandbox") for _ in range(8)))

    assert len({one["data"]["name"] for one in answers}) == 1
    assert parts.sandboxes.open_total == 1
