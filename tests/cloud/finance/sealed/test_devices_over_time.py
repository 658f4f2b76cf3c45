"""However devices come and go: whoever is active reads all that anybody reads, everybody else nothing new."""

import base64
import random

import msgspec
import pytest

from cloud.errors import Conflict
from cloud.finance.sealed.envelope import sealed_row
from cloud.finance.sealed.model import DeviceStatus
from cloud.finance.sealed.service import DeviceKeys, NewDevice
from cloud.finance.transactions.answers import shown
from cloud.kit.http import encode_json
from lumen_e2ee import NotReadable, approval_proof, decrypt_transaction_data, rewrap_dek
from shared.clock import ManualClock
from tests.cloud.finance.conftest import Finance
from tests.cloud.finance.sealed.pairs import pair
from tests.cloud.finance.transactions.rows import row

STEPS = 25
NAMES = [f"device-{number}" for number in range(6)]


class Household:
    """One person's devices, by what the service says of them and what they can do themselves."""

    def __init__(self, finance: Finance, clock: ManualClock) -> None:
        self.finance = finance
        self.clock = clock
        self.devices = DeviceKeys(finance.store, clock, finance.transactions, bytes(32))
        self.merchants: dict[int, str] = {}
        self.lost: set[int] = set()
        self.gone: set[str] = set()

    async def statuses(self) -> dict[str, DeviceStatus]:
        return {one.device_id: one.status for one in await self.devices.listed(self.finance.person)}

    async def named(self, status: DeviceStatus) -> list[str]:
        return [name for name, found in (await self.statuses()).items() if found is status]

    async def register(self, name: str) -> None:
        new = NewDevice(name, pair(name).public_key, name, "web")
        try:
            await self.devices.register(self.finance.person, new, signed_in_at_us=self.clock.now_us())
        except Conflict:
            assert name in self.gone

    async def buy(self) -> None:
        """Sealed by the service, where anybody reads."""
        merchant = f"Merchant {len(self.merchants)}"
        async with self.finance.store.write() as tx:
            active = await self.devices.active(tx, self.finance.person.id)
            if not active:
                return
            new = row(person_id=self.finance.person.id, merchant_name_raw=merchant, at_us=len(self.merchants))
            kept = await self.finance.transactions.add(tx, sealed_row(new, active, {}))
        self.merchants[kept.transaction_id] = merchant

    async def let_in(self, name: str, by: str) -> None:
        missing = await self.devices.missing(self.finance.person, name, after_id=0, limit=1_000)
        found = {
            one.transaction_id: rewrap_dek({"wrapped_deks": one.keys}, pair(by), pair(name).public_key)
            for one in missing.rows
        }
        assert await self.devices.wrap_all(self.finance.person, name, found) == 0
        asked = await self.devices.challenge(self.finance.person, name, by)
        proof = approval_proof(
            base64.b64encode(asked.wrapped_secret).decode(),
            pair(by),
            device_id=name,
            public_key=pair(name).public_key,
        )
        await self.devices.approve(
            self.finance.person, name, by, proof=proof, expires_at_us=asked.expires_at_us
        )

    async def revoke(self, name: str) -> None:
        if await self.named(DeviceStatus.ACTIVE) == [name]:
            self.lost |= set(self.merchants)
        await self.devices.revoke(
            self.finance.person, name, signed_in_at_us=self.clock.now_us(), lose_sealed=True
        )
        self.gone.add(name)

    async def check(self) -> None:
        statuses = await self.statuses()
        for kept in await self.finance.all():
            transaction = msgspec.json.decode(encode_json(shown(kept)))
            for name in NAMES:
                if name not in transaction["wrapped_deks"]:
                    with pytest.raises(NotReadable):
                        decrypt_transaction_data(transaction, pair(name))
                else:
                    opened = decrypt_transaction_data(transaction, pair(name))
                    assert opened.merchant == self.merchants[kept.transaction_id]
            readers = set(transaction["wrapped_deks"])
            active = {name for name, status in statuses.items() if status is DeviceStatus.ACTIVE}
            assert readers <= set(statuses)
            assert active <= readers or kept.transaction_id in self.lost
            if kept.transaction_id in self.lost:
                assert not readers


@pytest.mark.parametrize("seed", range(3))
async def test_active_devices_read_everything_that_is_left_and_revoked_ones_nothing(
    finance: Finance, clock: ManualClock, seed: int
) -> None:
    chance = random.Random(seed)
    home = Household(finance, clock)

    for _ in range(STEPS):
        clock.advance(1)
        active, pending = await home.named(DeviceStatus.ACTIVE), await home.named(DeviceStatus.PENDING)
        match chance.choice(["register", "buy", "buy", "let in", "revoke"]):
            case "register":
                await home.register(chance.choice(NAMES))
            case "buy":
                await home.buy()
            case "let in" if active and pending:
                await home.let_in(chance.choice(pending), chance.choice(active))
            case "revoke" if active + pending and chance.random() < 0.4:
                await home.revoke(chance.choice(active + pending))
        await home.check()
