"""An application's developer in the sandbox: from nothing to ten years of distributions."""

from cloud.app import Parts
from cloud.ledger.books import verify_books
from tests.cloud.sandbox.conftest import Developer


async def test_ten_years_of_quarterly_distributions_pass_in_one_move(parts: Parts, ana: Developer) -> None:
    await ana.verify()
    await ana.invest("10000.00")  # at 10.5 % a year: 1,050.00, a quarter of it is 262.50

    moved = await ana.move(to="2036-01-01T00:00:00Z")

    assert moved == {"now": "2036-01-01T00:00:00Z", "reached": True}
    found = (await ana.get("/distributions", limit=100))["data"]
    assert len(found) == 40
    assert {one["user_amount"] for one in found} == {262.5}
    assert [one["distribution_date"] for one in found[-2:]] == ["2026-07-01", "2026-04-01"]
    assert (found[0]["record_date"], found[0]["distribution_date"]) == ("2035-12-31", "2036-01-01")
    for one in found:
        await ana.post(f"/distributions/{one['id']}/claim", {"payment_method": "bank_transfer"}, 200)
    portfolio = (await ana.get("/portfolio"))["data"]
    assert portfolio["distributions_received"] == 10_500.0
    await ana.move(advance_days=1)
    sandbox = await ana.sandbox(parts)
    references = [one["payment_reference"] for one in (await ana.get("/distributions", limit=100))["data"]]
    async with sandbox.services.store.read() as tx:
        assert (await verify_books(tx, at_us=0)).discrepancies == ()
        paid = [await sandbox.services.payments.payout_of(tx, reference) for reference in references]
    assert [one.state for one in paid if one is not None] == ["paid"] * 40


async def test_each_quarter_can_be_claimed_as_it_comes(ana: Developer) -> None:
    await ana.verify()
    await ana.invest("1000.00")  # 26.25 a quarter
    for quarter, day in enumerate(("2026-04-01", "2026-07-01", "2026-10-01"), 1):
        await ana.move(to=f"{day}T00:00:00Z")
        claimed = await ana.post(f"/distributions/dist_q{quarter}_2026_prj_sunrise_solar/claim", {}, 200)
        assert (claimed["amount"], claimed["claimed_at"]) == (26.25, f"{day}T00:00:00Z")


async def test_the_developer_is_operator_too_and_a_quarter_that_they_declared_is_not_declared_again(
    ana: Developer,
) -> None:
    await ana.verify()
    await ana.invest("1000.00")
    await ana.move(advance_days=20)
    declared = {"year": 2026, "quarter": 1, "record_date": "2026-01-15", "total_amount": 77.77}
    await ana.post("/projects/prj_sunrise_solar/distributions", declared)

    await ana.move(to="2026-08-01T00:00:00Z")

    found = (await ana.get("/distributions"))["data"]
    assert [(one["id"][:12], one["user_amount"]) for one in found] == [
        ("dist_q2_2026", 26.25),
        ("dist_q1_2026", 77.77),
    ]


async def test_what_is_due_in_between_happens_each_at_its_own_time(ana: Developer) -> None:
    """A payment by bank takes 10 s, room is kept for 30 min, a verification ends after two years."""
    await ana.verify()
    wish = {"project_id": "prj_sunrise_solar", "amount": 100, "payment_method": "stripe"}
    by_bank = await ana.post("/investments", wish | {"payment_source": "pm_bank_transfer"})
    unpaid = await ana.post("/investments", wish)
    assert (by_bank["status"], unpaid["status"]) == ("pending", "pending")

    await ana.move(advance_days=3 * 365)

    after = {one["id"]: one for one in (await ana.get("/investments"))["data"]}
    assert after[by_bank["id"]]["status"] == "completed"
    assert after[unpaid["id"]]["status"] == "failed"
    events = (await ana.get("/events", limit=100))["data"]
    times = {one["type"]: one["created_at"] for one in events if one["type"].startswith("investment.")}
    assert times["investment.completed"] < "2026-01-01T00:01:00Z"
    assert times["investment.failed"] == "2026-01-01T00:30:00Z"
    assert [one["created_at"] for one in events] == sorted(one["created_at"] for one in events)
    assert (await ana.get("/user/me/kyc"))["data"]["status"] == "expired"
    refused = await ana.call("POST", "/investments", json=wish)
    assert refused.json()["error"]["code"] == "KYC_REQUIRED"


async def test_a_rejected_person_is_told_so_and_may_try_again(ana: Developer) -> None:
    wish = {"provider": "sandbox", "return_url": "https://app.example.com/done"}
    nothing = await ana.call("POST", "/kyc", json={"decision": "verify"})
    assert nothing.status_code == 409
    await ana.post("/user/me/kyc", wish)
    assert await ana.post("/kyc", {"decision": "reject"}, 200) == {"status": "rejected"}
    await ana.verify()
