"""What can no longer land, told from what may, by what Horizon shows."""

import msgspec
import pytest

from cloud.ledger.model import Asset
from cloud.stellar.batches import batch_of, crowded, with_forms
from cloud.stellar.fate import fate_of, form_of
from cloud.stellar.horizon import Account, Holding, Landed
from cloud.stellar.model import Envelope, EnvelopeState, Form, Operation, OperationKind
from tests.cloud.stellar.world import ANA, BEN, CUSTODY, ISSUER

EXPIRES_US = 1_000_000_000
ME = CUSTODY.public_key


def envelope(sequence=10):
    return Envelope(
        id=1,
        hash="e" * 64,
        sequence=sequence,
        fee_stroops=100,
        expires_at_us=EXPIRES_US,
        xdr="",
        state=EnvelopeState.SENT,
        built_at_us=0,
        sent_at_us=0,
        ledger=None,
        bump_hash=None,
        bump_xdr=None,
        bump_fee_stroops=None,
        reason=None,
    )


def landed(sequence, tx_hash="f" * 64, source=ME, inner=None):
    return msgspec.convert(
        {
            "hash": tx_hash,
            "ledger": 5,
            "successful": True,
            "source_account": source,
            "source_account_sequence": sequence,
            "result_xdr": "",
            "inner_transaction": None if inner is None else {"hash": inner},
        },
        Landed,
    )


def test_found_among_the_newest_it_has_landed():
    found = landed(10, "e" * 64)

    assert fate_of(envelope(), ME, [landed(11), found, landed(9)], 0).landed == found


def test_found_inside_a_fee_bump_it_has_landed():
    found = landed(10, "b" * 64, inner="e" * 64)

    assert fate_of(envelope(), ME, [found], 0).landed == found


@pytest.mark.parametrize(
    "sequences, gone",
    [
        ([11, 10, 9], True),  # another has its number
        ([10, 9], True),
        ([12, 9], True),  # passed over
        ([9, 8], False),  # its turn has not come
        ([13, 12, 11], False),  # the list does not go back far enough
        ([], False),
    ],
)
def test_once_its_number_was_taken_it_can_no_longer_land(sequences, gone):
    fate = fate_of(envelope(), ME, [landed(sequence) for sequence in sequences], 0)

    assert (fate.gone is not None) is gone
    assert fate.landed is None


def test_transactions_of_others_take_no_number():
    assert fate_of(envelope(), ME, [landed(11, source=ANA), landed(9)], 0) == (None, None)


@pytest.mark.parametrize("late_us, gone", [(-1, False), (60_000_000, False), (60_000_001, True)])
def test_its_time_is_over_a_minute_after_a_ledger_was_closed_behind_its_bound(late_us, gone):
    assert (fate_of(envelope(), ME, [], EXPIRES_US + late_us).gone is not None) is gone


THERE = Account(sequence=1, balances=(Holding(asset_type="native"),))
TRUSTING = Account(
    sequence=1,
    balances=(Holding(asset_type="credit_alphanum4", asset_code="LT", asset_issuer=ISSUER.public_key),),
)
OF_ANOTHER = Account(
    sequence=1,
    balances=(Holding(asset_type="credit_alphanum4", asset_code="LT", asset_issuer=BEN),),
)


@pytest.mark.parametrize(
    "asset, amount, wallet, form",
    [
        (Asset.LT, 1, TRUSTING, Form.PAYMENT),
        (Asset.LT, 1, THERE, Form.CLAIMABLE_BALANCE),
        (Asset.LT, 1, OF_ANOTHER, Form.CLAIMABLE_BALANCE),
        (Asset.LT, 1, None, Form.CLAIMABLE_BALANCE),
        (Asset.XLM, 1, THERE, Form.PAYMENT),
        (Asset.XLM, 10_000_000, None, Form.CREATE_ACCOUNT),
        (Asset.XLM, 9_999_999, None, Form.CLAIMABLE_BALANCE),
    ],
)
def test_a_wallet_is_reached_as_it_can_be(asset, amount, wallet, form):
    assert form_of(asset, amount, wallet, issuer=ISSUER.public_key) is form


def operation(number, kind=OperationKind.BURN, envelope_id=None, **more):
    return Operation(id=number, kind=kind, envelope_id=envelope_id or number, **more)


def test_twenty_are_no_crowd_and_twenty_one_are():
    assert not crowded([operation(number) for number in range(1, 21)])
    assert crowded([operation(number) for number in range(1, 22)])
    assert not crowded([operation(number, envelope_id=1) for number in range(1, 102)])


def test_an_anchor_travels_alone():
    waiting = [operation(1), operation(2), operation(3, OperationKind.ANCHOR), operation(4)]

    assert [one.id for one in batch_of(waiting)] == [1, 2]
    assert [one.id for one in batch_of(waiting[2:])] == [3]


def test_a_batch_has_at_most_a_hundred():
    assert len(batch_of([operation(number) for number in range(1, 150)])) == 100


def test_the_second_payment_to_a_new_wallet_finds_the_account_that_the_first_creates():
    two = [
        operation(number, OperationKind.WITHDRAWAL, asset=Asset.XLM, amount=20_000_000, destination=ANA)
        for number in (1, 2)
    ]

    formed = with_forms(two, {ANA: None}, issuer=ISSUER.public_key)

    assert [one.form for one in formed] == [Form.CREATE_ACCOUNT, Form.PAYMENT]
