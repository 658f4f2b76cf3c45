"""Sources, mailboxes and phones as they are kept, on both back ends."""

import pytest
from msgspec import structs

from cloud.finance.ingest import storage
from cloud.finance.ingest.gmail import storage as mailboxes
from cloud.finance.ingest.gmail.storage import Visit
from cloud.finance.ingest.model import Source
from cloud.finance.ingest.whatsapp import storage as phones
from cloud.finance.transactions.model import SourceType
from cloud.identity.storage import add_person
from cloud.kit.store import Store
from cloud.kit.store.errors import ConstraintViolated

SOURCE = Source(
    id=0,
    person_id=1,
    source_type=SourceType.GMAIL,
    sha256="ab",
    media_type="text/plain",
    size_bytes=2,
    name=None,
    reference="m1",
    text="hi",
    kept=True,
    metadata=None,
    received_at_us=5,
)


async def people(store: Store) -> tuple[int, int]:
    async with store.write() as tx:
        ana = await add_person(tx, wallet_address=None, account="a", now_us=0)
        ben = await add_person(tx, wallet_address=None, account="b", now_us=0)
    return ana.id, ben.id


async def test_a_source_is_kept_once_for_each_person(store: Store) -> None:
    ana, ben = await people(store)
    async with store.write() as tx:
        made = await storage.insert_source(tx, structs.replace(SOURCE, person_id=ana))
        await storage.insert_source(tx, structs.replace(SOURCE, person_id=ben))

    assert structs.replace(made, id=0) == structs.replace(SOURCE, person_id=ana)
    async with store.read() as tx:
        assert await storage.source_like(tx, ana, SourceType.GMAIL, "ab") == made
        assert await storage.source_like(tx, ana, SourceType.SMS, "ab") is None
        assert await mailboxes.known_references(tx, ana, ("m1", "m2")) == {"m1"}
        assert await mailboxes.known_references(tx, ana, ()) == set()
    with pytest.raises(ConstraintViolated):
        async with store.write() as tx:
            await storage.insert_source(tx, structs.replace(SOURCE, person_id=ana))


async def test_a_mailbox_counts_fails_and_begins_anew(store: Store) -> None:
    ana, ben = await people(store)
    async with store.write() as tx:
        await mailboxes.connect(tx, ana, "sealed", 100)
        account = await mailboxes.account(tx, ana)
        assert account is not None
        assert (account.history_id, account.due_at_us, account.last_sync_us) == (None, 100, None)
        assert await mailboxes.due(tx, 99, 5) == []
        assert await mailboxes.due(tx, 100, 5) == [account]
        await mailboxes.count(tx, account, emails=3, transactions=2)
        await mailboxes.reached(tx, account, history_id="7", now_us=110, due_at_us=200)
        await mailboxes.failed(tx, account, 300)
        await mailboxes.failed(tx, account, None)
        after = await mailboxes.account(tx, ana)
        assert after == structs.replace(
            account,
            history_id="7",
            last_sync_us=110,
            emails_processed=3,
            transactions_extracted=2,
            failures=2,
            due_at_us=None,
        )
        await mailboxes.connect(tx, ana, "another", 400)
        await mailboxes.count(tx, account, emails=9, transactions=9)  # of a connection that is over
        anew = await mailboxes.account(tx, ana)
        assert anew is not None
        assert (anew.refresh_token, anew.history_id, anew.failures, anew.emails_processed) == (
            "another",
            None,
            0,
            3,
        )
        assert await mailboxes.account(tx, ben) is None
        assert (await mailboxes.disconnect(tx, ana), await mailboxes.disconnect(tx, ana)) == (1, 0)


async def test_a_visit_ends_once_and_in_time(store: Store) -> None:
    ana, _ = await people(store)
    visit = Visit(person_id=ana, browser_hash="b", verifier="v")
    async with store.write() as tx:
        await mailboxes.begin_visit(tx, "s1", visit, 100, 0)
        await mailboxes.begin_visit(tx, "s2", visit, 100, 0)
        assert await mailboxes.end_visit(tx, "s1", 99) == visit
        assert await mailboxes.end_visit(tx, "s1", 99) is None
        assert await mailboxes.end_visit(tx, "s2", 100) is None


async def test_a_phone_belongs_to_who_linked_it_last(store: Store) -> None:
    ana, ben = await people(store)
    async with store.write() as tx:
        await phones.set_code(tx, ana, "h1", 100)
        await phones.set_code(tx, ana, "h2", 100)
        assert await phones.take_code(tx, "h1", 0) is None
        assert await phones.take_code(tx, "h2", 99) == ana
        assert await phones.take_code(tx, "h2", 99) is None
        await phones.link(tx, "+91", ana, 1)
        await phones.link(tx, "+91", ben, 2)
        await phones.link(tx, "+49", ben, 2)
        assert await phones.phones_of(tx, ana) == []
        assert [one.phone for one in await phones.phones_of(tx, ben)] == ["+49", "+91"]
        found = await phones.phone(tx, "+91")
        assert found is not None
        assert (found.person_id, found.asked_about) == (ben, None)
        assert await phones.unlink(tx, ben) == 2
        assert await phones.phone(tx, "+91") is None
