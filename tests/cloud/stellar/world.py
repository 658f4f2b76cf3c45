"""A service that can die at any point, over one database and one chain that live on."""

from contextlib import asynccontextmanager
from pathlib import Path

from nacl.signing import SigningKey
from stellar_sdk import Keypair

from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.books import Books
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from cloud.stellar.anchoring import Anchoring
from cloud.stellar.deposits import Deposits, DepositWatcher
from cloud.stellar.envelopes import Envelopes
from cloud.stellar.horizon import Horizon
from cloud.stellar.keys import Key, Keys
from cloud.stellar.networks import NETWORKS
from cloud.stellar.outbox import Outbox
from cloud.stellar.submitter import Submitter
from cloud.stellar.withdrawals import Withdrawals
from shared.clock import ManualClock
from tests.cloud.databases import migrated_file
from tests.cloud.stellar.horizon import Chain, Server

ISSUER_SEED, CUSTODY_SEED = b"i" * 32, b"c" * 32
ISSUER = Keypair.from_raw_ed25519_seed(ISSUER_SEED)
CUSTODY = Keypair.from_raw_ed25519_seed(CUSTODY_SEED)
ANA = Keypair.from_raw_ed25519_seed(b"a" * 32).public_key
BEN = Keypair.from_raw_ed25519_seed(b"b" * 32).public_key
CAT = Keypair.from_raw_ed25519_seed(b"t" * 32).public_key
LT = 10**7
KEYS = Keys(Key(ISSUER_SEED), Key(CUSTODY_SEED))
ENVELOPES = {name: Envelopes(network, KEYS) for name, network in NETWORKS.items()}


class Died(BaseException):
    """The process ended here."""


class Life:
    """Counts the points at which a process may end, and ends it at one of them."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.points = 0

    def point(self) -> None:
        self.points += 1
        if self.points == self.dies_at:
            raise Died


class MortalStore:
    """May end before and after every commit."""

    def __init__(self, store: SqliteStore, life: Life) -> None:
        self._store, self._life = store, life

    def read(self, *, brief: bool = False):
        return self._store.read(brief=brief)

    @asynccontextmanager
    async def write(self):
        async with self._store.write() as tx:
            yield tx
            self._life.point()
        self._life.point()


class MortalHorizon(Horizon):
    """May end before and after every transaction is sent."""

    def __init__(self, url: str, life: Life) -> None:
        super().__init__(url)
        self._life = life

    async def submit(self, xdr: str):
        self._life.point()
        landed = await super().submit(xdr)
        self._life.point()
        return landed


async def _a_store(folder: Path) -> SqliteStore:
    path = folder / "world.sqlite"
    migrated_file(path)
    store = SqliteStore(path)
    store.writer.execute("PRAGMA synchronous = OFF")  # no power is cut here
    return store


class World:
    """One database, one chain; `start` makes the service anew over both."""

    def __init__(self, folder: Path, network: str = "testnet") -> None:
        self.folder = folder
        self.network = NETWORKS[network]
        self.clock = ManualClock()
        self.envelopes = ENVELOPES[network]
        self.chain = Chain(self.network.passphrase, self.clock)
        self.server = Server(self.chain)
        self.life = Life()
        self.opened_horizons = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path, *, funded: bool = True, network: str = "testnet", store=None):
        """Over a database of its own, or over a migrated `store`."""
        world = cls(folder, network)
        if funded:
            world.chain.fund(ISSUER.public_key)
            world.chain.fund(CUSTODY.public_key)
        await world.server.start()
        world.store = store or await _a_store(folder)
        world.start()
        async with world.store.write() as tx:
            world.ana = await world.ledger.open_account(tx)
            world.ben = await world.ledger.open_account(tx)
        try:
            yield world
        finally:
            for horizon in world.opened_horizons:
                await horizon.close()
            await world.server.stop()
            if store is None:
                await world.store.close()

    def start(self, life: Life | None = None, fee_stroops_max: int = 100_000) -> None:
        self.life = life or Life()
        store = MortalStore(self.store, self.life)
        self.horizon = MortalHorizon(self.server.url, self.life)
        self.opened_horizons.append(self.horizon)
        self.outbox = Outbox(store, self.clock, self.envelopes)
        self.ledger = Ledger(store, self.clock, SigningKey(bytes(32)), self.outbox)
        self.books = Books(store, self.clock, self.outbox)
        self.withdrawals = Withdrawals(store, self.clock, self.ledger, self.outbox)
        self.anchoring = Anchoring(store, self.clock, self.ledger, self.outbox)
        self.deposits = Deposits(store, self.clock, self.ledger, KEYS, self.network)
        self.watcher = DepositWatcher(store, self.clock, self.deposits, self.horizon, KEYS)
        self.submitter = Submitter(
            store, self.clock, self.ledger, self.envelopes, self.horizon, fee_stroops_max=fee_stroops_max
        )
        self.mortal = store

    async def restart(self, life: Life | None = None) -> None:
        await self.horizon.close()
        self.start(life)

    async def mint(self, account: str, units: int):
        async with self.mortal.write() as tx:
            return await self.ledger.post(
                tx,
                Entry(
                    kind=EntryKind.MINT,
                    postings=(
                        Posting(SystemAccount.MINT_REWARD, Asset.LT, -units),
                        Posting(account, Asset.LT, units),
                    ),
                ),
            )

    async def burn(self, account: str, units: int):
        async with self.mortal.write() as tx:
            return await self.ledger.post(
                tx,
                Entry(
                    kind=EntryKind.BURN,
                    postings=(
                        Posting(account, Asset.LT, -units),
                        Posting(SystemAccount.BURNED, Asset.LT, units),
                    ),
                ),
            )

    async def gift(self, account: str, units: int):
        """XLM from the faucet."""
        async with self.mortal.write() as tx:
            return await self.ledger.post(
                tx,
                Entry(
                    kind=EntryKind.FAUCET,
                    postings=(
                        Posting(SystemAccount.FAUCET, Asset.XLM, -units),
                        Posting(account, Asset.XLM, units),
                    ),
                ),
            )

    async def withdraw(self, account: str, asset: Asset, units: int, wallet: str):
        return await self.withdrawals.withdraw(account, asset, units, destination=wallet, once=NO_KEY)

    async def waiting(self) -> int:
        async with self.store.read() as tx:
            return int(
                await tx.fetch_value("SELECT COUNT(*) FROM stellar_operations WHERE state = 'waiting'")
            )

    async def rows(self, table: str):
        """For what no service tells."""
        async with self.store.read() as tx:
            return int(await tx.fetch_value(f"SELECT COUNT(*) FROM {table}"))

    async def settle(self, steps: int = 200) -> None:
        """Step and let the time pass that the submitter waits for, until nothing waits."""
        for _ in range(steps):
            if not await self.waiting():
                return
            self.clock.advance(max(await self.submitter.try_step(), 0.001))
        raise AssertionError(f"{await self.waiting()} operations still wait")

    async def balance(self, account: str, asset: Asset) -> int:
        async with self.store.read() as tx:
            return await self.ledger.balance(tx, account, asset)

    async def check(self) -> None:
        """What is on the chain is what the ledger says: nothing was paid twice, nothing was lost."""
        supply = await self.books.supply()
        outside = await self.balance(SystemAccount.OUTSIDE, Asset.LT)
        assert self.chain.lt(CUSTODY.public_key) == supply.circulating - outside
        for account, wallet in ((self.ana, ANA), (self.ben, BEN)):
            withdrawals, _ = await self.withdrawals.of(account, page=1, limit=100)
            for asset in (Asset.LT, Asset.XLM):
                paid = sum(
                    one.amount for one in withdrawals if one.asset is asset and one.status == "completed"
                )
                reached = self.chain.claimable_of(wallet, asset)
                held = self.chain.accounts.get(wallet)
                if held is not None:
                    reached += self.chain.lt(wallet) if asset is Asset.LT else held.units
                assert reached == paid, f"{asset} of {wallet}"
        async with self.store.read() as tx:
            assert await tx.fetch_value("SELECT COUNT(*) FROM stellar_envelopes WHERE state = 'sent'") == 0
