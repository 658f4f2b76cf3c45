"""A claim becomes a mint: checked, posted, listed and announced in one transaction, once.

A plausible report of net export is minted to the payee of its device and its LT offered for sale at the
price in force. What is implausible or circular goes by the policy (`policy.py`). Of a partly circular report
one mint is made: under `flag` the circular part of it lies in `<payee>/flagged`, under `reject` it is left
out. All of a circular report counts in the node's flow in any case, or its way back could be minted later;
an implausible one that is rejected counts nowhere, as if it had never come.

Held LT are released to whoever is the device's payee by then, and listed, or burned.
"""

import hashlib
import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.identity.model import Person
from cloud.kit.events import EventLog
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.model import PostedEntry
from cloud.ledger.service import Ledger
from cloud.market.model import lots_of_mint
from cloud.market.service import Market
from cloud.minting import net_export, quality, storage
from cloud.minting.entries import burn_entry, entry_of, release_entry
from cloud.minting.errors import AlreadyDecided, NoSuchHeldMint, ReportRefused
from cloud.minting.model import Claim, HeldState, Mint
from cloud.minting.plausibility import validate
from cloud.minting.weighing import Plan, Rules, Weighed, overlap_start_us, plan_mint, weigh
from cloud.pricing.service import Pricing
from cloud.settings import Settings
from shared.clock import Clock
from shared.ids import new_id
from shared.money import show_amount
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

MINT_EVENT = "energy_mint"
REPEAT_WINDOW_S = 60.0


class Minting:
    """Methods that take `tx` join the caller's use case."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        events: EventLog,
        ledger: Ledger,
        devices: Devices,
        market: Market,
        pricing: Pricing,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._ledger = ledger
        self._devices = devices
        self._market = market
        self._pricing = pricing
        self._policy = settings.plausibility_policy
        self._tolerance = settings.plausibility_tolerance
        self._carbon_mg_per_kwh = round(quality.exact(settings.carbon_kg_per_kwh) * quality.MG_PER_KG)
        self._credit_per_kg = Decimal(repr(settings.carbon_credit_per_kg))

    async def report(self, device: Device, claim: Claim) -> Mint:
        """`mint` as a use case of its own.

        Raises:
            ReportRefused: the report will never be minted.
        """
        refused = None
        async with self._store.write() as tx:
            try:
                return await self.mint(tx, device, claim)
            except ReportRefused as error:
                refused = error
        raise refused

    async def mint(self, tx: WriteTx, device: Device, claim: Claim) -> Mint:
        """The mint of a claim; of one that was reported before, the first mint, unchanged.

        Raises:
            ReportRefused: the report will never be minted. Catch it inside the transaction and let that
                commit: by policy refused reports are remembered there, with what they say about flows.
        """
        if claim.device_id != device.device_id:
            raise ReportRefused(f"device_id: {claim.device_id} reported by {device.device_id}")
        validate(claim)
        content_sha256 = _content(claim)
        known = await self._known(tx, claim, content_sha256)
        if known is not None:
            return known
        report_id = claim.report_id or new_id("rep", self._clock)
        rules = self._rules(device)
        weighed = await self._weigh(tx, claim, rules)
        verdict = weighed.verdict
        mint = None
        if weighed.counts:
            account = await self._devices.payee(tx, device)
            plan = plan_mint(claim, rules, weighed, report_id=report_id, account=account)
            posted = await self._ledger.post(tx, entry_of(claim, plan))
            if verdict.minted_mwh:
                mint = await self._list(tx, device, claim, plan, posted)
        decided = storage.Decided(
            claim=claim,
            report_id=report_id,
            content_sha256=content_sha256,
            mint_id=None if mint is None else mint.id,
            refusal=verdict.reason if mint is None else None,
            at_us=self._clock.now_us(),
        )
        await storage.insert_report(tx, decided)
        if mint is None:
            raise ReportRefused(_refusal(verdict.reason))
        return mint

    async def get(self, tx: ReadTx, mint_id: int) -> Mint | None:
        """The mint as it was first answered."""
        return await storage.mint(tx, mint_id)

    async def plausible_mwh_of(self, tx: ReadTx, device_id: str) -> int:
        """Energy that was minted for the device freely, or released since; 0 for an unknown one."""
        return await storage.plausible_mwh(tx, device_id)

    async def output_mwh(self, tx: ReadTx, person: Person, *, since_us: int) -> int:
        """What a person's enrolled devices were minted since a moment, less what is held."""
        return sum(
            [
                await storage.output_mwh(tx, device.device_id, since_us=since_us)
                for device in await self._devices.enrolled_of(tx, person.id)
            ]
        )

    async def held(self, *, after_id: int = 0, limit: int = 100) -> Sequence[Mint]:
        """Mints of which a part waits for an admin's decision, by rising id; may be empty."""
        async with self._store.read() as tx:
            return await storage.open_held(tx, after_id=after_id, limit=limit)

    async def release_held(self, mint_id: int) -> Mint:
        """Give the held part to the device's payee and offer it for sale.

        Raises:
            NoSuchHeldMint, AlreadyDecided: there is nothing to release.
        """
        async with self._store.write() as tx:
            mint = await self._decide(tx, mint_id, HeldState.RELEASED)
            device = await self._devices.get(tx, mint.device_id)
            payee = mint.account if device is None else await self._devices.payee(tx, device)
            entry = release_entry(mint, payee)
            if entry is not None:
                await self._ledger.post(tx, entry)
            await storage.add_plausible(tx, mint.device_id, mint.held_mwh)
            lots = lots_of_mint(mint.held_mwh, mint.held_tokens)
            if lots:
                price = await self._pricing.current_in(tx)
                await self._market.deliver(
                    tx,
                    order_id=f"{_order_id(mint.id)}_released",
                    account=payee,
                    owner_person_id=None if device is None else device.owner_person_id,
                    lots=lots,
                    price_ticks=price.price_ticks,
                )
        logger.info("held mint released mint_id=%d", mint_id)
        return mint

    async def burn_held(self, mint_id: int) -> Mint:
        """Destroy the held part.

        Raises:
            NoSuchHeldMint, AlreadyDecided: there is nothing to burn.
        """
        async with self._store.write() as tx:
            mint = await self._decide(tx, mint_id, HeldState.BURNED)
            entry = burn_entry(mint)
            if entry is not None:
                await self._ledger.post(tx, entry)
        logger.info("held mint burned mint_id=%d", mint_id)
        return mint

    async def _known(self, tx: ReadTx, claim: Claim, content_sha256: str) -> Mint | None:
        if claim.report_id is not None:
            outcome = await storage.outcome_by_id(tx, claim.device_id, claim.report_id)
        else:
            window_us = round(max(REPEAT_WINDOW_S, claim.duration_s) * MICROS_PER_SECOND)
            outcome = await storage.outcome_by_content(
                tx, claim.device_id, content_sha256, since_us=self._clock.now_us() - window_us
            )
        if outcome is None:
            return None
        if outcome.mint_id is None:
            raise ReportRefused(_refusal(outcome.refusal))
        return await storage.mint(tx, outcome.mint_id)

    def _rules(self, device: Device) -> Rules:
        return Rules(
            policy=self._policy,
            tolerance=self._tolerance,
            energy_scale=device.energy_scale,
            power_w_max=device.power_w_max,
            carbon_mg_per_kwh=self._carbon_mg_per_kwh,
            carbon_credit_per_kg=self._credit_per_kg,
        )

    async def _weigh(self, tx: WriteTx, claim: Claim, rules: Rules) -> Weighed:
        """The claim's verdict; the flows of both nodes move on."""
        overlaps = await storage.overlaps(
            tx,
            claim.device_id,
            claim.sender_uid,
            start_us=overlap_start_us(claim),
            end_us=claim.ended_at_us,
        )
        sender = await storage.flow(tx, claim.device_id, claim.sender_uid)
        weighed = weigh(claim, rules, sender=sender, overlaps=overlaps)
        if weighed.counts:
            await storage.put_flow(tx, claim.device_id, claim.sender_uid, weighed.sender)
            receiver = await storage.flow(tx, claim.device_id, claim.receiver_uid)
            received = net_export.receive(
                receiver, sent_mwh=claim.energy_mwh, received_mwh=claim.received_mwh
            )
            await storage.put_flow(tx, claim.device_id, claim.receiver_uid, received)
        return weighed

    async def _list(self, tx: WriteTx, device: Device, claim: Claim, plan: Plan, posted: PostedEntry) -> Mint:
        """Deliver what was posted or offer it for sale at the price in force, remember and announce it."""
        price = await self._pricing.current_in(tx)
        listed = await self._market.deliver(
            tx,
            order_id=_order_id(posted.id),
            account=plan.account,
            owner_person_id=device.owner_person_id,
            lots=lots_of_mint(plan.verdict.free_mwh, plan.tokens - plan.held_tokens),
            price_ticks=price.price_ticks,
        )
        mint = _mint_of(claim, plan, posted, price.price_ticks, listed=listed)
        await storage.insert_mint(tx, mint)
        await storage.add_plausible(tx, mint.device_id, plan.verdict.free_mwh)
        if plan.verdict.held_mwh:
            await storage.insert_held(tx, mint.id)
        await self._events.announce(tx, MINT_EVENT, _event(mint))
        return mint

    async def _decide(self, tx: WriteTx, mint_id: int, state: HeldState) -> Mint:
        held = await storage.held(tx, mint_id)
        mint = await storage.mint(tx, mint_id)
        if held is None or mint is None:
            raise NoSuchHeldMint(mint_id)
        if held.state is not HeldState.HELD:
            raise AlreadyDecided(mint_id, held.state)
        await storage.decide_held(tx, mint_id, state, self._clock.now_us())
        return mint


def _order_id(mint_id: int) -> str:
    return f"auto_sell_{mint_id}"


def _refusal(reason: str | None) -> str:
    return f"report refused: {reason}"


def _content(claim: Claim) -> str:
    """What makes two reports without an id the same: all they say, their time of arrival aside."""
    said = [
        claim.sender_uid,
        claim.receiver_uid,
        claim.energy_mwh,
        claim.received_mwh,
        claim.duration_s,
        claim.voltage_v_mean,
        claim.current_a_mean,
    ]
    if not claim.arrival_timed:
        said += [claim.started_at_us, claim.ended_at_us]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def _mint_of(claim: Claim, plan: Plan, posted: PostedEntry, price_ticks: int, *, listed: bool) -> Mint:
    assert posted.leaf_hash is not None  # noqa: S101  mints stand in the public book
    return Mint(
        id=posted.id,
        report_id=plan.report_id,
        device_id=claim.device_id,
        sender_uid=claim.sender_uid,
        receiver_uid=claim.receiver_uid,
        account=plan.account,
        status=plan.status,
        hold_reason=plan.hold_reason,
        energy_mwh=plan.verdict.minted_mwh,
        held_mwh=plan.verdict.held_mwh,
        circular_mwh=plan.circular_mwh,
        quality_factor=float(plan.quality_factor),
        tokens=plan.tokens,
        held_tokens=plan.held_tokens,
        carbon_mg_per_kwh=plan.rules.carbon_mg_per_kwh,
        co2_saved_mg=plan.co2_saved_mg,
        carbon_credit=plan.carbon_credit,
        held_carbon_credit=plan.held_carbon_credit,
        sell_order_id=_order_id(posted.id) if listed else None,
        price_ticks=price_ticks,
        tx_hash=posted.tx_hash or posted.leaf_hash,
        leaf_hash=posted.leaf_hash,
        at_us=posted.at_us,
    )


def _event(mint: Mint) -> dict[str, Any]:
    """The answer, with what tells where the energy came from."""
    return msgspec.structs.asdict(mint.to_answer()) | {
        "device_id": mint.device_id,
        "sender_uid": mint.sender_uid,
        "receiver_uid": mint.receiver_uid,
        "kwh": show_amount(mint.energy_mwh, decimals=6),
    }
