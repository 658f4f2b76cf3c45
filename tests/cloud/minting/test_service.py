"""Energy becomes LT once: paid, listed, announced and provable, or none of it."""

import asyncio
from decimal import Decimal

import msgspec
import pytest

from cloud.ledger.model import Asset, SystemAccount
from cloud.minting.errors import AlreadyDecided, NoSuchHeldMint, ReportRefused
from cloud.minting.model import Evidence, MintStatus

LT = 10_000_000


async def balance(store, ledger, account, asset=Asset.LT):
    async with store.read() as tx:
        return await ledger.balance(tx, account, asset)


async def rows(store, sql):
    async with store.read() as tx:
        return await tx.fetch_value(sql)


async def energy_mints(events):
    return [msgspec.json.decode(event.payload) for event in await events.after(0, types=["energy_mint"])]


async def test_half_a_kwh_at_4_0_v_makes_533_33_lt(minting, device, a_claim, store, ledger, payee):
    mint = await minting.report(device, a_claim(voltage_v_mean=4.0))

    assert mint.status is MintStatus.MINTED
    assert mint.tokens == 533_33 * LT // 100
    answer = mint.to_answer()
    assert answer.tokens_minted == Decimal("533.33")
    assert answer.quality_factor == Decimal("1.067")
    assert answer.co2_saved_kg == Decimal("0.41")
    assert answer.carbon_credit == Decimal("0.0205")
    assert answer.tx_hash == mint.tx_hash
    # 500 LT cover the order of 0.5 kWh, the rest is the owner's to keep.
    assert await balance(store, ledger, f"{payee}/orders") == 500 * LT
    assert await balance(store, ledger, payee) == 33_33 * LT // 100
    assert await balance(store, ledger, SystemAccount.MINT_ENERGY) == -533_33 * LT // 100
    assert await balance(store, ledger, SystemAccount.MINTED, Asset.ENERGY) == 500_000
    assert await balance(store, ledger, SystemAccount.METER, Asset.ENERGY) == -500_000
    assert await balance(store, ledger, payee, Asset.CARBON) == 205_000
    assert await balance(store, ledger, SystemAccount.CARBON_SOURCE, Asset.CO2_SAVED) == -410_000


async def test_half_a_kwh_at_3_92_v_makes_526_67_lt(minting, device, a_claim):
    mint = await minting.report(device, a_claim())

    assert mint.to_answer().tokens_minted == Decimal("526.67")
    assert mint.to_answer().quality_factor == Decimal("1.053")


async def test_the_message_and_the_order_name_the_price_in_force(minting, device, a_claim, store):
    mint = await minting.report(device, a_claim(voltage_v_mean=4.0))

    # Half past midnight, no orders: 5 · (1 + 0.2 ln 0.1) · 1.06125 · 1.2 · 1 · 1.08 = 3.71
    assert mint.to_answer().message == (
        "533.33 LT tokens minted for 0.5000 kWh → auto-listed at 3.71 XLM/kWh"
    )
    assert mint.sell_order_id == f"auto_sell_{mint.id}"
    assert await rows(store, "SELECT id FROM orders") == mint.sell_order_id
    assert await rows(store, "SELECT price_ticks FROM orders") == 37_100
    assert await rows(store, "SELECT lots FROM orders") == 500


async def test_a_mint_is_announced_with_its_public_facts(minting, device, a_claim, events, payee):
    mint = await minting.report(device, a_claim())

    (announced,) = await energy_mints(events)

    assert announced["tokens_minted"] == 526.67
    assert announced["device_id"] == "pi-1"
    assert announced["kwh"] == 0.5
    assert announced["tx_hash"] == mint.tx_hash
    assert payee not in str(announced)


async def test_the_meters_signature_stands_in_the_ledger(minting, device, a_claim, store):
    evidence = Evidence(report='{"energy_mwh":500}', signature="c2ln", public_key="ab" * 32)
    mint = await minting.report(device, a_claim(evidence=evidence))

    document = await rows(store, f"SELECT document FROM entries WHERE id = {mint.id}")

    facts = msgspec.json.decode(document)["facts"]
    assert facts["evidence"] == msgspec.to_builtins(evidence)
    assert (facts["energy_mwh"], facts["quality_factor"]) == (500_000, 1.053333)
    assert facts["carbon_kg_per_kwh"] == 0.82


async def test_below_1_quality_fewer_lots_are_listed_than_kwh_minted(minting, device, a_claim, store):
    # 0.85 · 500 LT = 425 LT cover 0.425 kWh.
    mint = await minting.report(device, a_claim(voltage_v_mean=3.5))

    assert mint.tokens == 425 * LT
    assert await rows(store, "SELECT lots FROM orders") == 425


async def test_a_repeated_report_id_gets_the_first_answer(minting, device, a_claim, events, store):
    claim = a_claim()
    first = await minting.report(device, claim)

    changed = msgspec.structs.replace(claim, energy_mwh=900_000, voltage_v_mean=4.1)
    again = await minting.report(device, changed)

    assert again == first
    assert await rows(store, "SELECT COUNT(*) FROM mints") == 1
    assert len(await energy_mints(events)) == 1


async def test_one_report_id_of_two_devices_is_two_reports(minting, device, a_claim, owners):
    other = msgspec.structs.replace(device, device_id="pi-2")
    first = await minting.report(device, a_claim(report_id="r"))

    second = await minting.report(other, a_claim(report_id="r", device_id="pi-2"))

    assert second.id != first.id


async def test_a_burst_of_the_same_report_mints_once(minting, device, a_claim, store):
    claim = a_claim()

    mints = await asyncio.gather(*(minting.report(device, claim) for _ in range(20)))

    assert len(set(mints)) == 1
    assert await rows(store, "SELECT COUNT(*) FROM mints") == 1


async def test_without_an_id_identical_content_is_the_repeat_for_its_duration(
    minting, device, a_claim, clock
):
    claim = a_claim(report_id=None, arrival_timed=True)
    first = await minting.report(device, claim)
    clock.advance(1799)
    later = msgspec.structs.replace(
        claim,
        started_at_us=claim.started_at_us + 1_799_000_000,
        ended_at_us=claim.ended_at_us + 1_799_000_000,
    )

    assert await minting.report(device, later) == first

    clock.advance(2)
    again = await minting.report(device, later)
    assert again.id != first.id


async def test_without_an_id_a_short_transfer_is_a_repeat_for_a_minute(minting, device, a_claim, clock):
    claim = a_claim(report_id=None, arrival_timed=True, duration_s=10.0, energy_mwh=10_000)
    first = await minting.report(device, claim)

    clock.advance(59)
    assert await minting.report(device, claim) == first
    clock.advance(2)
    assert await minting.report(device, claim) != first


async def test_other_content_without_an_id_is_another_report(minting, device, a_claim):
    first = await minting.report(device, a_claim(report_id=None, duration_s=60.0, energy_mwh=10_000))
    second = await minting.report(device, a_claim(report_id=None, duration_s=60.0, energy_mwh=10_001))

    assert second.id != first.id


async def test_there_and_back_is_held_as_circular(minting, device, a_claim, store, ledger, payee):
    await minting.report(device, a_claim())
    back = await minting.report(device, a_claim(sender_uid="NODE_B", receiver_uid="NODE_A"))
    again = await minting.report(device, a_claim())

    for mint in (back, again):
        assert mint.status is MintStatus.HELD
        assert mint.circular_mwh == 500_000
        assert "circular" in mint.hold_reason
        assert mint.sell_order_id is None
        assert "held" in mint.to_answer().message
    assert await rows(store, "SELECT COUNT(*) FROM orders") == 1
    assert await balance(store, ledger, f"{payee}/flagged") == 2 * 526_67 * LT // 100


async def test_of_a_partly_circular_report_the_net_part_is_free(
    minting, device, a_claim, store, ledger, payee
):
    await minting.report(device, a_claim(energy_mwh=100_000, sender_uid="NODE_B", receiver_uid="NODE_A"))

    # NODE_A had 0.1 kWh from NODE_B, so 0.4 of its 0.5 kWh are new.
    mint = await minting.report(device, a_claim(voltage_v_mean=3.6))

    assert mint.status is MintStatus.MINTED
    assert (mint.energy_mwh, mint.held_mwh, mint.circular_mwh) == (500_000, 100_000, 100_000)
    assert (mint.tokens, mint.held_tokens) == (500 * LT, 100 * LT)
    assert await balance(store, ledger, f"{payee}/flagged") == 100 * LT
    assert await rows(store, f"SELECT lots FROM orders WHERE id = 'auto_sell_{mint.id}'") == 400
    assert "100.00 LT held" in mint.message()


async def test_under_reject_the_circular_part_is_left_out(
    make_minting, device, a_claim, store, ledger, payee
):
    minting = make_minting(plausibility_policy="reject")
    await minting.report(device, a_claim(energy_mwh=100_000, sender_uid="NODE_B", receiver_uid="NODE_A"))

    mint = await minting.report(device, a_claim(voltage_v_mean=3.6))

    assert (mint.energy_mwh, mint.held_mwh, mint.circular_mwh) == (400_000, 0, 100_000)
    assert mint.tokens == 400 * LT
    assert mint.hold_reason is None
    assert await balance(store, ledger, f"{payee}/flagged") == 0


async def test_under_reject_a_circular_report_is_refused_and_still_counts(
    make_minting, device, a_claim, store
):
    minting = make_minting(plausibility_policy="reject")
    await minting.report(device, a_claim())
    back = a_claim(sender_uid="NODE_B", receiver_uid="NODE_A")

    with pytest.raises(ReportRefused, match="circular"):
        await minting.report(device, back)
    with pytest.raises(ReportRefused, match="circular"):
        await minting.report(device, back)

    # Had the way back been forgotten, this would mint again.
    with pytest.raises(ReportRefused, match="circular"):
        await minting.report(device, a_claim())
    assert await rows(store, "SELECT COUNT(*) FROM mints") == 1


async def test_under_off_everything_is_free(make_minting, device, a_claim, store, ledger, payee):
    minting = make_minting(plausibility_policy="off")
    await minting.report(device, a_claim())

    back = await minting.report(
        device, a_claim(sender_uid="NODE_B", receiver_uid="NODE_A", current_a_mean=None)
    )

    assert back.status is MintStatus.MINTED
    assert back.hold_reason is None
    assert await balance(store, ledger, f"{payee}/flagged") == 0


async def test_an_overlapping_report_is_held_and_a_touching_one_is_not(minting, device, a_claim):
    first = a_claim()
    await minting.report(device, first)
    minute_us = 60_000_000
    shifted = msgspec.structs.replace(
        first,
        report_id="shifted",
        started_at_us=first.started_at_us + minute_us,
        ended_at_us=first.ended_at_us + minute_us,
    )
    touching = msgspec.structs.replace(
        first,
        report_id="touching",
        started_at_us=first.started_at_us - 1_800_000_000,
        ended_at_us=first.started_at_us,
    )

    overlapping = await minting.report(device, shifted)

    assert overlapping.status is MintStatus.HELD
    assert "overlaps" in overlapping.hold_reason
    assert (await minting.report(device, touching)).status is MintStatus.MINTED


async def test_under_reject_an_overlapping_report_is_refused_for_good(make_minting, device, a_claim, store):
    minting = make_minting(plausibility_policy="reject")
    first = a_claim()
    await minting.report(device, first)
    again = msgspec.structs.replace(first, report_id="other")

    for _ in range(2):
        with pytest.raises(ReportRefused, match="overlaps"):
            await minting.report(device, again)
    assert await rows(store, "SELECT COUNT(*) FROM reports WHERE refusal IS NOT NULL") == 1
    assert await rows(store, "SELECT sent_mwh FROM node_flows WHERE node_uid = 'NODE_A'") == 500_000


async def test_two_nodes_may_send_at_the_same_time(minting, device, a_claim):
    first = a_claim()
    await minting.report(device, first)

    other = msgspec.structs.replace(first, report_id="c", sender_uid="NODE_C", receiver_uid="NODE_D")

    assert (await minting.report(device, other)).status is MintStatus.MINTED


async def test_reports_timed_by_arrival_may_come_a_little_early(minting, device, a_claim, clock):
    first = a_claim(arrival_timed=True)
    await minting.report(device, first)
    second = a_claim(arrival_timed=True)

    def early_by(micros):
        return msgspec.structs.replace(
            second,
            report_id=f"early-{micros}",
            started_at_us=second.started_at_us - micros,
            ended_at_us=second.ended_at_us - micros,
        )

    assert (await minting.report(device, early_by(2_000_000))).status is MintStatus.MINTED
    assert (await minting.report(device, early_by(2_000_001))).status is MintStatus.HELD


async def test_when_listing_fails_nothing_is_minted(
    minting, device, a_claim, store, ledger, payee, monkeypatch
):
    claim = a_claim()

    async def fail(*_args, **_kwargs):
        raise RuntimeError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(minting._market, "deliver", fail)
        with pytest.raises(RuntimeError, match="no room"):
            await minting.report(device, claim)

    assert await rows(store, "SELECT COUNT(*) FROM mints") == 0
    assert await rows(store, "SELECT COUNT(*) FROM entries") == 0
    assert await rows(store, "SELECT COUNT(*) FROM node_flows") == 0
    assert await balance(store, ledger, payee) == 0
    assert (await minting.report(device, claim)).status is MintStatus.MINTED


async def test_a_released_mint_reaches_the_payee_and_the_market(
    minting, device, a_claim, store, ledger, payee
):
    held = await minting.report(device, a_claim(current_a_mean=None, voltage_v_mean=None))
    assert [mint.id for mint in await minting.held()] == [held.id]
    assert await balance(store, ledger, f"{payee}/flagged") == 500 * LT

    await minting.release_held(held.id)

    assert await balance(store, ledger, f"{payee}/flagged") == 0
    assert await balance(store, ledger, f"{payee}/flagged", Asset.CARBON) == 0
    assert await balance(store, ledger, payee, Asset.CARBON) == 205_000
    assert await balance(store, ledger, f"{payee}/orders") == 500 * LT
    assert await rows(store, "SELECT id FROM orders") == f"auto_sell_{held.id}_released"
    assert await minting.held() == []
    with pytest.raises(AlreadyDecided, match="released"):
        await minting.burn_held(held.id)


async def test_a_released_mint_goes_to_whoever_owns_the_device_by_then(
    minting, device, a_claim, store, ledger, owners
):
    held = await minting.report(device, a_claim(current_a_mean=None))
    async with store.write() as tx:
        owners.account = await ledger.open_account(tx)

    await minting.release_held(held.id)

    assert await balance(store, ledger, f"{owners.account}/orders") == 500 * LT


async def test_a_burned_mint_is_gone(minting, device, a_claim, store, ledger, payee):
    held = await minting.report(device, a_claim(current_a_mean=None))

    await minting.burn_held(held.id)

    assert await balance(store, ledger, f"{payee}/flagged") == 0
    assert await balance(store, ledger, SystemAccount.BURNED) == held.tokens
    assert await balance(store, ledger, SystemAccount.BURNED, Asset.CARBON) == 205_000
    assert await rows(store, "SELECT COUNT(*) FROM orders") == 0


async def test_what_was_never_held_cannot_be_released(minting, device, a_claim):
    mint = await minting.report(device, a_claim())

    with pytest.raises(NoSuchHeldMint):
        await minting.release_held(mint.id)
    with pytest.raises(NoSuchHeldMint):
        await minting.burn_held(4711)


async def test_the_first_answer_stays_after_a_release(minting, device, a_claim):
    claim = a_claim(current_a_mean=None)
    held = await minting.report(device, claim)
    await minting.release_held(held.id)

    assert await minting.report(device, claim) == held


async def test_a_report_of_another_device_is_refused(minting, device, a_claim):
    with pytest.raises(ReportRefused, match="device_id"):
        await minting.report(device, a_claim(device_id="pi-2"))


async def test_circular_energy_that_is_refused_stands_in_the_public_book(
    make_minting, device, a_claim, store, ledger
):
    minting = make_minting(plausibility_policy="reject")
    await minting.report(device, a_claim())
    refused = a_claim(sender_uid="NODE_B", receiver_uid="NODE_A", energy_mwh=100_000)
    with pytest.raises(ReportRefused):
        await minting.report(device, refused)

    document = await rows(
        store, "SELECT document FROM entries WHERE kind = 'circular' ORDER BY id DESC LIMIT 1"
    )
    leaf = msgspec.json.decode(document)
    assert leaf["postings"] == [
        {"account": "meter", "asset": "kWh", "amount": -100_000},
        {"account": "circular", "asset": "kWh", "amount": 100_000},
    ]
    facts = leaf["facts"]
    assert (facts["status"], facts["claimed_mwh"], facts["energy_mwh"]) == ("refused", 100_000, 0)
    assert facts["report_id"] == refused.report_id
    assert await balance(store, ledger, SystemAccount.MINTED, Asset.ENERGY) == 500_000


async def test_what_is_rejected_as_implausible_leaves_no_entry(make_minting, device, a_claim, store):
    with pytest.raises(ReportRefused):
        await make_minting(plausibility_policy="reject").report(device, a_claim(current_a_mean=None))

    assert await rows(store, "SELECT COUNT(*) FROM entries") == 0
