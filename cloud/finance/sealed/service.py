"""A person's devices and the keys wrapped for them.

The first device is active at once. A later one stays pending until a device that reads already has wrapped
every sealed transaction's key for it and shows, with its private key, that it is the one who asks.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from cloud.errors import InvalidFields
from cloud.finance.sealed import storage
from cloud.finance.sealed.approval import CHALLENGE_LIFE_S, Challenges
from cloud.finance.sealed.device_key import BadKey, key_sha256, pem_of, public_key_of
from cloud.finance.sealed.errors import (
    DeviceIdTaken,
    KeysMissing,
    KeyTaken,
    KeyWrapped,
    LastDevice,
    NoSuchDevice,
    NotActive,
    NotSealed,
    ProofRefused,
    SignInTooOld,
    TooManyDevices,
)
from cloud.finance.sealed.model import DEVICES_MAX, Device, DeviceStatus, Envelope
from cloud.finance.sealed.sent import bytes_of, problems_of, wrapped_problem
from cloud.finance.sealed.storage import Wrapped
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.service import Transactions
from cloud.identity.model import Person
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

RECENT_S = 5 * 60
"""A sign-in older than this adds and revokes no device."""
REVOKED_AT_ONCE = 500
"""Transactions whose wrapped key is taken away in one commit."""


class NewDevice(NamedTuple):
    """As its owner describes it."""

    device_id: str
    public_key: str
    device_name: str
    device_type: str


class Missing(NamedTuple):
    """Part of what a device cannot read."""

    rows: Sequence[Wrapped]
    remaining: int
    """How many there are in all."""


class Challenge(NamedTuple):
    wrapped_secret: bytes
    expires_at_us: int


class DeviceKeys:
    """Who may read what is sealed."""

    def __init__(self, store: Store, clock: Clock, transactions: Transactions, key: bytes) -> None:
        self._store = store
        self._clock = clock
        self._transactions = transactions
        self._challenges = Challenges(key)

    async def register(self, person: Person, new: NewDevice, *, signed_in_at_us: int) -> Device:
        """As it stands now: active for the first one. The same again is the first result.

        Raises:
            InvalidFields: no key that can be sealed to.
            SignInTooOld: for all but the first.
            DeviceIdTaken, KeyTaken, TooManyDevices
        """
        try:
            key = public_key_of(new.public_key)
        except BadKey as error:
            raise InvalidFields({"public_key": [str(error)]}) from None
        digest = key_sha256(key)
        async with self._store.write() as tx:
            known = await storage.devices(tx, person.id)
            for device in known:
                if device.device_id == new.device_id:
                    if device.status is DeviceStatus.REVOKED or device.key_sha256 != digest:
                        raise DeviceIdTaken(new.device_id)
                    return device
                if device.key_sha256 == digest:
                    raise KeyTaken
            is_first = not any(device.status is DeviceStatus.ACTIVE for device in known)
            if not is_first:
                self._insist_on_recent(signed_in_at_us)
            if sum(device.status is not DeviceStatus.REVOKED for device in known) >= DEVICES_MAX:
                raise TooManyDevices(DEVICES_MAX)
            now_us = self._clock.now_us()
            device = Device(
                person_id=person.id,
                device_id=new.device_id,
                public_key=pem_of(key),
                key_sha256=digest,
                device_name=new.device_name,
                device_type=new.device_type,
                status=DeviceStatus.ACTIVE if is_first else DeviceStatus.PENDING,
                created_at_us=now_us,
                approved_at_us=now_us if is_first else None,
                revoked_at_us=None,
            )
            await storage.insert(tx, device)
        logger.info("device registered person_id=%d status=%s", person.id, device.status)
        return device

    async def listed(self, person: Person) -> list[Device]:
        """Active and pending ones, the oldest first."""
        async with self._store.read() as tx:
            known = await storage.devices(tx, person.id)
        return [device for device in known if device.status is not DeviceStatus.REVOKED]

    async def get(self, person: Person, device_id: str) -> Device:
        """One of the person's.

        Raises:
            NoSuchDevice
        """
        async with self._store.read() as tx:
            return await self._of(tx, person, device_id)

    async def active(self, tx: ReadTx, person_id: int) -> list[Device]:
        """To whom new data is sealed; none: it is kept as it comes."""
        known = await storage.devices(tx, person_id)
        return [device for device in known if device.status is DeviceStatus.ACTIVE]

    async def check_sent(self, tx: ReadTx, person_id: int, envelope: Envelope) -> None:
        """Whether what a client sealed may be kept.

        Raises:
            InvalidFields: all that is wrong with it.
        """
        active = {device.device_id for device in await self.active(tx, person_id)}
        problems = problems_of(envelope, active)
        if problems:
            raise InvalidFields(problems)

    async def missing(self, person: Person, device_id: str, *, after_id: int, limit: int) -> Missing:
        """Which transactions have still to be wrapped for a device.

        Raises:
            NoSuchDevice
        """
        async with self._store.read() as tx:
            await self._of(tx, person, device_id)
            return Missing(
                await storage.without_key(tx, person.id, device_id, after_id=after_id, limit=limit),
                await storage.without_key_count(tx, person.id, device_id),
            )

    async def wrap(self, person: Person, transaction_id: int, wrapped: Mapping[str, str]) -> Transaction:
        """Keep a transaction's key for more devices.

        Raises:
            InvalidFields: no device of the person's, or no wrapped key.
            NoSuchTransaction, NotSealed, KeyWrapped
        """
        async with self._store.write() as tx:
            await self._transactions.of(tx, person.id, transaction_id)
            await self._wrap(tx, person, {transaction_id: wrapped})
            return await self._transactions.of(tx, person.id, transaction_id)

    async def wrap_all(self, person: Person, device_id: str, wrapped: Mapping[int, str]) -> int:
        """Keep many transactions' keys for one device, all or none; how many it still lacks.

        Raises:
            NoSuchDevice, InvalidFields, NotSealed, KeyWrapped
        """
        async with self._store.write() as tx:
            await self._of(tx, person, device_id)
            await self._wrap(tx, person, {number: {device_id: text} for number, text in wrapped.items()})
            return await storage.without_key_count(tx, person.id, device_id)

    async def challenge(self, person: Person, device_id: str, approver_id: str) -> Challenge:
        """What only the approving device can answer.

        Raises:
            NoSuchDevice, NotActive
        """
        expires_at_us = self._clock.now_us() + CHALLENGE_LIFE_S * MICROS_PER_SECOND
        async with self._store.read() as tx:
            newcomer = await self._of(tx, person, device_id)
            approver = await self._approver(tx, person, approver_id)
        secret = self._challenges.challenge(approver, newcomer, expires_at_us=expires_at_us)
        return Challenge(secret, expires_at_us)

    async def approve(
        self, person: Person, device_id: str, approver_id: str, *, proof: str, expires_at_us: int
    ) -> Device:
        """Let a device in that has all keys; one that is in stays in.

        Raises:
            NoSuchDevice, NotActive, ProofRefused, KeysMissing
        """
        now_us = self._clock.now_us()
        async with self._store.write() as tx:
            newcomer = await self._of(tx, person, device_id)
            approver = await self._approver(tx, person, approver_id)
            answer = bytes_of(proof) or b""
            if not (
                now_us < expires_at_us
                and self._challenges.is_proven(answer, approver, newcomer, expires_at_us=expires_at_us)
            ):
                raise ProofRefused
            if newcomer.status is DeviceStatus.ACTIVE:
                return newcomer
            lacking = await storage.lacking_count(tx, person.id, device_id, approver_id)
            if lacking:
                raise KeysMissing(device_id, lacking)
            device = structs.replace(newcomer, status=DeviceStatus.ACTIVE, approved_at_us=now_us)
            await storage.save(tx, device)
        logger.info("device approved person_id=%d", person.id)
        return device

    async def revoke(
        self, person: Person, device_id: str, *, signed_in_at_us: int, lose_sealed: bool = False
    ) -> None:
        """Nothing is sealed to it from now on, and its wrapped keys go; again where that was cut short.

        Raises:
            NoSuchDevice, SignInTooOld
            LastDevice: nobody could read what is sealed, unless `lose_sealed`.
        """
        self._insist_on_recent(signed_in_at_us)
        async with self._store.write() as tx:
            known = {device.device_id: device for device in await storage.devices(tx, person.id)}
            device = known.get(device_id)
            if device is None:
                raise NoSuchDevice(device_id)
            others = [
                other
                for other in known.values()
                if other is not device and other.status is DeviceStatus.ACTIVE
            ]
            if device.status is DeviceStatus.ACTIVE and not others and not lose_sealed:
                sealed = await storage.with_key_count(tx, person.id, device_id)
                if sealed:
                    raise LastDevice(device_id, sealed)
            if device.status is not DeviceStatus.REVOKED:
                await storage.save(
                    tx,
                    structs.replace(device, status=DeviceStatus.REVOKED, revoked_at_us=self._clock.now_us()),
                )
        while await self._take_keys(person.id, device_id):
            pass
        logger.info("device revoked person_id=%d", person.id)

    async def _take_keys(self, person_id: int, device_id: str) -> bool:
        """Some of them; whether there may be more."""
        async with self._store.write() as tx:
            rows = await storage.with_key(tx, person_id, device_id, limit=REVOKED_AT_ONCE)
            left = {
                row.transaction_id: {name: key for name, key in row.keys.items() if name != device_id}
                for row in rows
            }
            await storage.set_wrapped(tx, person_id, left, now_us=self._clock.now_us())
        return len(rows) == REVOKED_AT_ONCE

    async def _wrap(self, tx: WriteTx, person: Person, sent: Mapping[int, Mapping[str, str]]) -> None:
        known = {
            device.device_id: device
            for device in await storage.devices(tx, person.id)
            if device.status is not DeviceStatus.REVOKED
        }
        rows = await storage.wrapped(tx, person.id, list(sent))
        keys: dict[int, dict[str, str]] = {}
        problems: list[str] = []
        for transaction_id, wrapped in sent.items():
            if transaction_id not in rows:
                raise NotSealed(transaction_id)
            before = rows[transaction_id].keys
            for device_id, text in wrapped.items():
                device = known.get(device_id)
                problem = "is none of your devices" if device is None else wrapped_problem(text)
                if problem is not None:
                    problems.append(f"{device_id[:64]}: {problem}")
                elif (
                    device is not None
                    and device.status is DeviceStatus.ACTIVE
                    and before.get(device_id, text) != text
                ):
                    raise KeyWrapped(transaction_id, device_id)
            keys[transaction_id] = before | dict(wrapped)
        if problems:
            raise InvalidFields({"wrapped_deks": problems})
        await storage.set_wrapped(tx, person.id, keys, now_us=self._clock.now_us())

    async def _of(self, tx: ReadTx, person: Person, device_id: str) -> Device:
        for device in await storage.devices(tx, person.id):
            if device.device_id == device_id and device.status is not DeviceStatus.REVOKED:
                return device
        raise NoSuchDevice(device_id)

    async def _approver(self, tx: ReadTx, person: Person, device_id: str) -> Device:
        device = await self._of(tx, person, device_id)
        if device.status is not DeviceStatus.ACTIVE:
            raise NotActive(device_id)
        return device

    def _insist_on_recent(self, signed_in_at_us: int) -> None:
        if self._clock.now_us() - signed_in_at_us >= RECENT_S * MICROS_PER_SECOND:
            raise SignInTooOld(RECENT_S // 60)
