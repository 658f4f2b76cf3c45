"""Devices: how one comes to be known, whose it is, and which key speaks for it.

A device appears in one of three ways: a person registers it and the agent enrols with the one-use code; an
agent enrols without a code, or a keyless one simply reports, both from nearby and under open trust only.
Until it has an owner, an escrow account of its own is paid.
"""

import logging
import secrets
from collections.abc import Sequence

from nacl.signing import SigningKey

from cloud.devices import enrolment, storage
from cloud.devices.commands import Commands
from cloud.devices.enrolment import BrokerAccess, Enrolment, check_signature
from cloud.devices.errors import (
    CodeRequired,
    CodeUsed,
    DeviceTaken,
    MustSign,
    ReplayedRequest,
    UnknownCode,
    UnknownDevice,
)
from cloud.devices.escrow import Escrow
from cloud.devices.model import Device, DeviceSite
from cloud.devices.trust import is_local
from cloud.errors import BadRequest
from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from shared.clock import Clock
from shared.coordinates import Coordinates
from shared.ids import new_id
from shared.signatures import Purpose, public_key_of

logger = logging.getLogger(__name__)

POWER_W_MAX = 10_000.0
"""Rating of a device until an admin sets another: the size of a large home inverter."""
ENERGY_SCALE_MAX = 1_000_000
COUNTER_MAX = 2**63 - 1


class Devices:
    """The use cases of devices.

    `commands`: what they are told by hand. `escrow`: what they earned while nobody owned them.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        ledger: Ledger,
        signing_key: SigningKey,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._ledger = ledger
        self._settings = settings
        self.public_key = public_key_of(signing_key)
        """The service's own key, which agents pin."""
        self.commands = Commands(clock, signing_key)
        self.escrow = Escrow(ledger)

    # Registration and enrolment

    async def register(
        self, person: Person, device_type: str, location: str, coordinates: Coordinates | None = None
    ) -> tuple[Device, str]:
        """A device for the person, and the one-use code with which its agent enrols: shown once."""
        code = secrets.token_urlsafe(24)
        async with self._store.write() as tx:
            device = await self._add(
                tx,
                new_id("dev", self._clock),
                owner_person_id=person.id,
                device_type=device_type,
                location=location,
                coordinates=coordinates,
            )
            await storage.add_code(
                tx,
                code_hash=enrolment.hash_code(code),
                device_id=device.device_id,
                person_id=person.id,
                now_us=device.created_at_us,
            )
        logger.info("device registered device=%s", device.device_id)
        return device, code

    async def enrol(self, shown: Enrolment, *, trusted: bool) -> Device:
        """Bind the agent's key to its device; `trusted`: `trusts` the address it called from.

        With a code, the registered device takes the agent's own id, unless it has reported under its first
        one already. A device known by the agent's id joins the owner of the code where its key is the same,
        or where it has none and is vouched for; what its escrow account holds goes to the owner.

        Raises:
            BadDeviceId, BadDeviceSignature: what is shown does not hold.
            UnknownCode, CodeUsed: the code.
            DeviceTaken: the id has another key or owner, or the key another id.
            CodeRequired: there is none, and the address is not trusted.
        """
        shown.check()
        async with self._store.write() as tx:
            await self._check_key_is_free(tx, shown.public_key, shown.device_id)
            if shown.enrolment_code is not None:
                await self._enrol_with_code(tx, shown, shown.enrolment_code, trusted=trusted)
            elif trusted:
                await self._enrol_first_contact(tx, shown)
            else:
                raise CodeRequired("enrolment_code: required; register the device to get one")
            if shown.coordinates is not None:
                await storage.set_coordinates(tx, shown.device_id, shown.coordinates)
            device = await self._known(tx, shown.device_id)
        logger.info("device enrolled device=%s", device.device_id)
        return device

    def broker_access(self, device_id: str) -> BrokerAccess | None:
        """The device's sign-in at the broker; None where passwords are managed there, or without MQTT."""
        return enrolment.broker_access(self._settings, device_id)

    async def claim(self, person: Person, device_id: str, signature: str) -> Device:
        """Make a keyed device without owner the person's, and release its escrow to them.

        The owner may claim again: what has reached the escrow account since is released too.

        Raises:
            UnknownDevice: there is none, or it is someone else's.
            DeviceTaken: it has no key that could prove the claim.
            BadDeviceSignature: not signed by the device's key.
        """
        async with self._store.write() as tx:
            device = await self._known(tx, device_id)
            if device.owner_person_id not in {None, person.id}:
                raise UnknownDevice(f"device_id: {device_id} is unknown")
            if device.public_key is None:
                raise DeviceTaken(f"device_id: {device_id} has no key; enrol its agent first")
            payload = f"{device_id}\n{person.shown_id}".encode()
            check_signature(device.public_key, Purpose.CLAIM, payload, signature)
            await storage.set_owner(tx, device_id, person_id=person.id, device_type=None, location=None)
            await self.escrow.release(tx, device, person)
            device = await self._known(tx, device_id)
        logger.info("device claimed device=%s", device_id)
        return device

    async def change_key(self, device: Device, public_key: str, signature: str) -> Device:
        """Give a keyed device a new key. The request itself is signed by the old one (`caller`);
        `signature` is the new key's, as at an enrolment without code.

        Raises:
            MustSign: the device has no key yet: it enrols instead.
            BadDeviceSignature: the new key did not sign.
            DeviceTaken: the key speaks for another device.
        """
        if device.public_key is None:
            raise MustSign(f"device_id: {device.device_id} has no key yet; enrol it with POST /iot/enrol")
        shown = Enrolment(
            device_id=device.device_id, enrolment_code=None, public_key=public_key, signature=signature
        )
        check_signature(public_key, Purpose.ENROL, shown.signed, signature)
        async with self._store.write() as tx:
            await self._check_key_is_free(tx, public_key, device.device_id)
            await storage.set_key(tx, device.device_id, public_key)
            device = await self._known(tx, device.device_id)
        logger.info("device key changed device=%s", device.device_id)
        return device

    # What others ask

    async def get(self, tx: ReadTx, device_id: str) -> Device | None:
        """The device; None where it is unknown."""
        return await storage.device_by_id(tx, device_id)

    async def find(self, device_id: str) -> Device | None:
        """`get`, in a snapshot of its own."""
        async with self._store.read() as tx:
            return await self.get(tx, device_id)

    async def total(self) -> int:
        """How many there are."""
        async with self._store.read() as tx:
            return await storage.device_total(tx)

    async def owned_by(self, person: Person) -> list[Device]:
        """The person's devices, oldest first."""
        async with self._store.read() as tx:
            return await storage.devices_of(tx, person.id)

    async def enrolled_of(self, tx: ReadTx, person_id: int) -> list[Device]:
        """A person's devices that have a key; may be empty."""
        owned = await storage.devices_of(tx, person_id)
        return [device for device in owned if device.public_key is not None]

    async def first_contact(self, tx: WriteTx, device_id: str, address: str) -> Device:
        """The device that an unsigned message speaks for; made when it is new and may be.

        Raises:
            BadDeviceId: no device may have this name.
            MustSign: it has a key, or it is not believed without one from there.
            UnknownDevice: it is new, and open trust does not reach there.
        """
        device = await storage.device_by_id(tx, device_id)
        enrolment.check_unsigned(device_id, device, trusted=self.trusts(address))
        if device is None:
            device = await self._add(tx, device_id, energy_scale=self._settings.open_energy_scale)
            logger.info("device seen first device=%s", device_id)
        if device.seen_at_us is None:
            await self.seen(tx, device_id)
        return device

    async def unsigned_caller(self, device_id: str, address: str) -> Device:
        """`first_contact` for a request on its own; a stranger costs no write.

        Raises:
            BadDeviceId, MustSign, UnknownDevice: as there.
        """
        known = await self.find(device_id)
        enrolment.check_unsigned(device_id, known, trusted=self.trusts(address))
        if known is not None and known.seen_at_us is not None:
            return known
        async with self._store.write() as tx:
            return await self.first_contact(tx, device_id, address)

    async def payee(self, tx: ReadTx, device: Device) -> str:
        """The ledger account that is paid for the device's energy: its owner's, else its own escrow."""
        if device.owner_person_id is None:
            return device.account
        return (await self._identity.person(tx, device.owner_person_id)).account

    async def sites(
        self, tx: ReadTx, *, owners: Sequence[int], accounts: Sequence[str]
    ) -> Sequence[DeviceSite]:
        """Where the devices of these people are, and those whose escrow accounts these are; may be empty."""
        return [
            *await storage.sites_of_owners(tx, owners),
            *await storage.sites_of_accounts(tx, accounts),
        ]

    async def seen(self, tx: WriteTx, device_id: str) -> None:
        """Note that the device spoke."""
        await storage.set_seen(tx, device_id, self._clock.now_us())

    def trusts(self, address: str) -> bool:
        """Whether someone at this address is believed without credentials."""
        return self._settings.open_trust and is_local(address)

    def may_control(self, person: Person, device: Device) -> bool:
        """Whether the person may command the device: its owner, or an admin."""
        return person.is_admin or device.owner_person_id == person.id

    async def verify_request(self, device_id: str, counter: int, signed: bytes, signature: str) -> Device:
        """The device that signed an HTTP request (`shared.signatures.request_bytes`); spends the counter.

        Raises:
            UnknownDevice: not known.
            MustSign: known, but without a key.
            BadDeviceSignature: wrong key or other bytes.
            ReplayedRequest: the counter is not above the last one.
        """
        async with self._store.read() as tx:
            device = await self._known(tx, device_id)
        if device.public_key is None:
            raise MustSign(f"X-Device-Id: {device_id} has no key; enrol it with POST /iot/enrol")
        check_signature(device.public_key, Purpose.REQUEST, signed, signature)
        async with self._store.write() as tx:
            if not await storage.raise_counter(tx, device_id, device.public_key, counter):
                raise ReplayedRequest(f"X-Device-Counter: {counter} is not above the last one")
        return device

    # Admin

    async def set_energy_scale(self, device_id: str, scale: int) -> Device:
        """How many kWh one measured kWh stands for.

        Raises:
            UnknownDevice: not known.
            BadRequest: outside 1 to 1,000,000.
        """
        if not 1 <= scale <= ENERGY_SCALE_MAX:
            raise BadRequest(f"energy_scale: must be 1 to {ENERGY_SCALE_MAX}, got {scale}")
        async with self._store.write() as tx:
            await self._known(tx, device_id)
            await storage.set_energy_scale(tx, device_id, scale)
            device = await self._known(tx, device_id)
        logger.info("energy scale set device=%s scale=%d", device_id, scale)
        return device

    async def set_rating(self, device_id: str, power_w_max: float) -> Device:
        """The most power that is plausible, in W.

        Raises:
            UnknownDevice: not known.
            BadRequest: not above 0, or beyond 10 MW.
        """
        if not 0 < power_w_max <= 1e7:  # noqa: PLR2004
            raise BadRequest(f"power_w_max: must be above 0 and at most 10,000,000 W, got {power_w_max}")
        async with self._store.write() as tx:
            await self._known(tx, device_id)
            await storage.set_power_max(tx, device_id, power_w_max)
            device = await self._known(tx, device_id)
        logger.info("rating set device=%s power=%gW", device_id, power_w_max)
        return device

    # Inside

    async def _enrol_first_contact(self, tx: WriteTx, shown: Enrolment) -> None:
        known = await storage.device_by_id(tx, shown.device_id)
        if known is None:
            scale = self._settings.open_energy_scale
            await self._add(tx, shown.device_id, public_key=shown.public_key, energy_scale=scale)
            return
        enrolment.check_key_may_join(known, shown.public_key, vouched=True)
        await storage.set_key(tx, known.device_id, shown.public_key)

    async def _enrol_with_code(self, tx: WriteTx, shown: Enrolment, code: str, *, trusted: bool) -> None:
        code_hash = enrolment.hash_code(code)
        row = await storage.code_row(tx, code_hash)
        if row is None:
            raise UnknownCode("enrolment_code: unknown")
        if row.used_at_us is not None:
            raise CodeUsed("enrolment_code: used before; register the device again to get a new one")
        registered = await self._known(tx, row.device_id)
        known = await storage.device_by_id(tx, shown.device_id)
        if known is None:
            if registered.seen_at_us is not None or registered.public_key is not None:
                raise DeviceTaken(
                    f"device_id: this code's device is in use as {registered.device_id}; enrol by that name"
                )
            await storage.rename_device(tx, registered.device_id, shown.device_id)
        elif known.device_id == registered.device_id:
            enrolment.check_key_may_join(known, shown.public_key, vouched=True)
        else:
            vouched = trusted or known.owner_person_id == row.owner_person_id
            await self._join_owner(tx, known, registered, shown.public_key, vouched=vouched)
        await storage.set_key(tx, shown.device_id, shown.public_key)
        await storage.use_code(tx, code_hash, device_id=shown.device_id, now_us=self._clock.now_us())

    async def _join_owner(
        self, tx: WriteTx, known: Device, registered: Device, public_key: str, *, vouched: bool
    ) -> None:
        """A device that reported before it was registered becomes the registered one."""
        owner_id = registered.owner_person_id
        if owner_id is None or known.owner_person_id not in {None, owner_id}:
            raise DeviceTaken(f"device_id: {known.device_id} is taken; choose another")
        enrolment.check_key_may_join(known, public_key, vouched=vouched)
        await storage.set_owner(
            tx,
            known.device_id,
            person_id=owner_id,
            device_type=registered.device_type,
            location=registered.location,
        )
        if registered.coordinates is not None:
            await storage.set_coordinates(tx, known.device_id, registered.coordinates)
        await self.escrow.release(tx, known, await self._identity.person(tx, owner_id))
        if registered.seen_at_us is None and registered.public_key is None:
            await storage.remove_device(tx, registered.device_id)

    async def _check_key_is_free(self, tx: ReadTx, public_key: str, device_id: str) -> None:
        """Return silently when no other device has the key.

        Raises:
            DeviceTaken: the key speaks for another device.
        """
        other = await storage.device_by_key(tx, public_key)
        if other is not None and other.device_id != device_id:
            raise DeviceTaken("public_key: belongs to another device; make a new key")

    async def _add(
        self,
        tx: WriteTx,
        device_id: str,
        *,
        owner_person_id: int | None = None,
        public_key: str | None = None,
        energy_scale: int = 1,
        device_type: str = "",
        location: str = "",
        coordinates: Coordinates | None = None,
    ) -> Device:
        device = Device(
            device_id=device_id,
            owner_person_id=owner_person_id,
            account=await self._ledger.open_account(tx),
            public_key=public_key,
            energy_scale=energy_scale,
            power_w_max=POWER_W_MAX,
            device_type=device_type,
            location=location,
            latitude=coordinates.latitude if coordinates else None,
            longitude=coordinates.longitude if coordinates else None,
            request_counter=0,
            created_at_us=self._clock.now_us(),
            seen_at_us=None,
        )
        await storage.add_device(tx, device)
        return device

    async def _known(self, tx: ReadTx, device_id: str) -> Device:
        device = await storage.device_by_id(tx, device_id)
        if device is None:
            raise UnknownDevice(f"device_id: {device_id} is unknown")
        return device
