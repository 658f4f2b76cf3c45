"""Health and metrics."""

import pytest

from cloud.kit.store.errors import StoreUnavailable
from cloud.ledger.model import Asset, Entry, EntryKind, Posting


async def test_a_service_whose_store_answers_is_healthy(client):
    ready, live = await client.get("/health"), await client.get("/health/live")

    assert ready.status_code == 200
    assert ready.json().items() >= {"status": "healthy", "store": "up"}.items()
    assert (live.status_code, live.json()) == (200, {"status": "healthy"})


async def test_a_service_whose_store_is_gone_lives_but_is_not_ready(client, parts, monkeypatch):
    def refuses():
        raise StoreUnavailable("disk is gone")

    monkeypatch.setattr(parts.store, "write", refuses)

    ready, live = await client.get("/health"), await client.get("/health/live")

    assert (ready.status_code, ready.json()) == (503, {"status": "unhealthy", "store": "disk is gone"})
    assert live.status_code == 200


async def test_metrics_count_by_route_and_never_by_path(client, parts):
    ledger = parts.services.ledger
    async with parts.store.write() as tx:
        account = await ledger.open_account(tx)
        postings = Posting("faucet", Asset.XLM, -1), Posting(account, Asset.XLM, 1)
        await ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=postings))
    for path in ("/api/v1/ledger/proof/1", "/api/v1/ledger/proof/2", "/nobody/asked/1", "/nobody/asked/2"):
        await client.get(path)
    await client.request("BREW", "/coffee")

    answer = await client.get("/metrics")

    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'lumengrid_requests_total{method="GET",route="/api/v1/ledger/proof/{entry}",status="200"} 1.0',
        'lumengrid_requests_total{method="GET",route="/api/v1/ledger/proof/{entry}",status="404"} 1.0',
        'lumengrid_requests_total{method="GET",route="none",status="404"} 2.0',
        "lumengrid_ledger_entries 1.0",
        f"lumengrid_store_commits_total {float(parts.store.commits)}",
    ):
        assert line in lines
    assert "BREW" not in answer.text
    assert "asked" not in answer.text


async def test_health_shows_the_figures_that_an_operator_watches(client, parts, clock):
    before = (await client.get("/health")).json()["figures"]
    assert (
        before.items()
        >= {
            "ledger_entries": 0,
            "event_stream_clients": 0,
            "market_socket_clients": 0,
        }.items()
    )
    assert before["store_use_cases_per_commit"] >= 1

    await parts.services.books.check()
    clock.advance(42.5)

    after = (await client.get("/health")).json()["figures"]
    assert (after["ledger_check_age_seconds"], after["ledger_discrepancies"]) == (42.5, 0)
    assert "lumengrid_ledger_check_age_seconds 42.5" in (await client.get("/metrics")).text.splitlines()


async def test_counts_are_shown_by_their_label_as_they_grow(client, parts):
    counts = {"apply": 2}
    parts.metrics.counts("lumengrid_things", "Things.", "outcome", counts)
    counts["gap"] = 1

    lines = (await client.get("/metrics")).text.splitlines()

    assert 'lumengrid_things_total{outcome="apply"} 2.0' in lines
    assert 'lumengrid_things_total{outcome="gap"} 1.0' in lines


async def test_a_lag_counts_what_a_reader_has_still_to_read(events, store):
    async with store.write() as tx:
        for type_ in ("command", "price", "command", "price"):
            await events.announce(tx, type_, {})
    assert await events.lag("mqtt") == 4
    assert await events.lag("mqtt", types=["command"]) == 2

    async with store.write() as tx:
        await events.move_cursor(tx, "mqtt", 1)
    assert await events.lag("mqtt", types=["command"]) == 1


@pytest.mark.parametrize("path", ["/health", "/health/live", "/metrics"])
async def test_service_pages_are_open_to_all(client, path):
    assert (await client.get(path)).status_code == 200
