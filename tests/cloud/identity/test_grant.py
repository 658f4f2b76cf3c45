"""Roles and admin, given by the command line."""

import pytest

from cloud.errors import BadRequest, NotFound
from cloud.identity.errors import UnknownPerson
from cloud.identity.model import Role
from cloud.identity.service import Identity, WalletProof
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.identity.conftest import Wallet


@pytest.fixture
def identity(store: SqliteStore, clock: ManualClock, ledger: Ledger, settings: Settings) -> Identity:
    return Identity(store, clock, ledger, bytes(32), settings)


@pytest.fixture
async def anas_id(identity: Identity, ana: Wallet) -> int:
    proof = WalletProof(wallet_address=ana.address, signature=ana.sign(), message=None)
    person, _ = await identity.signup(proof)
    assert ana.sign() not in repr(proof)
    return person.id


async def test_a_new_person_is_a_recipient_and_no_admin(
    identity: Identity, store: SqliteStore, anas_id: int
) -> None:
    async with store.read() as tx:
        person = await identity.person(tx, anas_id)

    assert (person.role, person.is_admin) == (Role.RECIPIENT, False)


@pytest.mark.parametrize("role", ["Recipient", "Donor", "NetworkNodeOperator"])
async def test_a_role_is_granted_without_touching_admin(
    identity: Identity, anas_id: int, ana: Wallet, role: str
) -> None:
    assert (await identity.grant(ana.address, "admin")).is_admin

    person = await identity.grant(ana.address, role)

    assert (person.id, person.role, person.is_admin) == (anas_id, role, True)


@pytest.mark.usefixtures("anas_id")
async def test_admin_is_granted_beside_the_role_and_withdrawn(identity: Identity, ana: Wallet) -> None:
    await identity.grant(ana.address, "Donor")

    granted = await identity.grant(ana.address, "admin")
    withdrawn = await identity.withdraw_admin(ana.address)

    assert (granted.role, granted.is_admin) == (Role.DONOR, True)
    assert (withdrawn.role, withdrawn.is_admin) == (Role.DONOR, False)


@pytest.mark.usefixtures("anas_id")
@pytest.mark.parametrize("role", ["Admin", "donor", ""])
async def test_a_role_that_does_not_exist_is_refused(identity: Identity, ana: Wallet, role: str) -> None:
    with pytest.raises(BadRequest, match="NetworkNodeOperator, admin"):
        await identity.grant(ana.address, role)


async def test_nobody_is_granted_anything_before_signing_up(identity: Identity, ana: Wallet) -> None:
    with pytest.raises(UnknownPerson):
        await identity.grant(ana.address, "admin")
    with pytest.raises(UnknownPerson):
        await identity.withdraw_admin(ana.address)


async def test_an_unknown_person_is_not_found(identity: Identity, store: SqliteStore) -> None:
    async with store.read() as tx:
        with pytest.raises(NotFound):
            await identity.person(tx, 99)
