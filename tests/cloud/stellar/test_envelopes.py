"""What is signed is what stellar-sdk and the network understand, and nothing else."""

import base64
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import (
    Account,
    Asset,
    BumpSequence,
    ChangeTrust,
    CreateAccount,
    CreateClaimableBalance,
    FeeBumpTransactionEnvelope,
    HashMemo,
    Keypair,
    NoneMemo,
    Payment,
    StrKey,
    TransactionBuilder,
    TransactionEnvelope,
)
from stellar_sdk.exceptions import BadSignatureError

from cloud.ledger.model import Asset as LedgerAsset
from cloud.settings import Settings
from cloud.stellar.envelopes import without_signatures
from cloud.stellar.keys import CUSTODY_KEY, ISSUER_KEY, Keys
from cloud.stellar.model import Form, Operation, OperationKind
from cloud.stellar.networks import NETWORKS
from tests.cloud.stellar.world import ANA, CUSTODY, ENVELOPES, ISSUER

OFFLINE = ENVELOPES["offline"]
EXPIRES_US = 1_767_225_900_000_000
LT = Asset("LT", ISSUER.public_key)


def mint(amount=5_333_300_000):
    return Operation(kind=OperationKind.MINT, asset=LedgerAsset.LT, amount=amount)


def burn(amount=5_333_300_000):
    return Operation(kind=OperationKind.BURN, asset=LedgerAsset.LT, amount=amount)


def withdrawal(asset, form, amount=25_000_000):
    return Operation(kind=OperationKind.WITHDRAWAL, asset=asset, amount=amount, destination=ANA, form=form)


def read(signed, passphrase="Lumengrid Offline Network") -> TransactionEnvelope:
    """Parsed by stellar-sdk; the hash and every signature hold."""
    envelope = TransactionEnvelope.from_xdr(signed.xdr, passphrase)
    assert envelope.hash_hex() == signed.hash
    assert envelope.transaction.sequence == signed.sequence
    assert envelope.transaction.fee == signed.fee_stroops
    return envelope


def signers(envelope) -> set[str]:
    """Whose signatures hold; one that is nobody's fails."""
    found = set()
    for signature in envelope.signatures:
        (key,) = (k for k in (ISSUER, CUSTODY) if k.signature_hint() == signature.signature_hint)
        key.verify(envelope.hash(), signature.signature)
        found.add(key.public_key)
    return found


def test_a_mint_is_a_payment_of_the_issuer_to_custody_signed_by_both():
    envelope = read(OFFLINE.single(mint(), sequence=7, expires_at_us=EXPIRES_US))

    transaction = envelope.transaction
    assert transaction.source.account_id == CUSTODY.public_key
    (payment,) = transaction.operations
    assert isinstance(payment, Payment)
    assert payment.source.account_id == ISSUER.public_key
    assert payment.destination.account_id == CUSTODY.public_key
    assert (payment.asset, payment.amount) == (LT, "533.33")
    assert isinstance(transaction.memo, NoneMemo)
    assert transaction.preconditions.time_bounds.max_time == 1_767_225_900
    assert signers(envelope) == {ISSUER.public_key, CUSTODY.public_key}


def test_a_burn_is_a_payment_of_custody_to_the_issuer_signed_by_custody_alone():
    envelope = read(OFFLINE.single(burn(1), sequence=7, expires_at_us=EXPIRES_US))

    (payment,) = envelope.transaction.operations
    assert payment.source is None
    assert payment.destination.account_id == ISSUER.public_key
    assert Decimal(payment.amount) == Decimal("0.0000001")
    assert signers(envelope) == {CUSTODY.public_key}


@given(
    amount=st.integers(1, 2**63 - 1),
    sequence=st.integers(1, 2**63 - 2),
    expires_s=st.integers(1, 2**40),
    minted=st.booleans(),
    network=st.sampled_from(sorted(NETWORKS)),
)
def test_the_fast_way_gives_byte_for_byte_what_stellar_sdk_builds(
    amount, sequence, expires_s, minted, network
):
    operation = mint(amount) if minted else burn(amount)

    fast = ENVELOPES[network].single(operation, sequence=sequence, expires_at_us=expires_s * 1_000_000 + 7)

    builder = TransactionBuilder(
        Account(CUSTODY.public_key, sequence - 1), NETWORKS[network].passphrase, base_fee=100
    ).add_time_bounds(0, expires_s)
    whole, part = divmod(amount, 10**7)
    shown = f"{whole}.{part:07}"
    if minted:
        builder.append_payment_op(CUSTODY.public_key, LT, shown, source=ISSUER.public_key)
    else:
        builder.append_payment_op(ISSUER.public_key, LT, shown)
    envelope = builder.build()
    envelope.sign(CUSTODY)
    if minted:
        envelope.sign(ISSUER)
    assert fast.xdr == envelope.to_xdr()
    assert fast.hash == envelope.hash_hex()


def test_an_anchor_does_nothing_but_carry_the_root():
    root = "ab" * 32
    operation = Operation(kind=OperationKind.ANCHOR, root_hash=root, tree_size=5)

    envelope = read(OFFLINE.single(operation, sequence=7, expires_at_us=EXPIRES_US))

    (bump,) = envelope.transaction.operations
    assert isinstance(bump, BumpSequence)
    assert bump.bump_to == 0
    assert isinstance(envelope.transaction.memo, HashMemo)
    assert envelope.transaction.memo.memo_hash.hex() == root
    assert signers(envelope) == {CUSTODY.public_key}


def test_the_first_of_all_is_the_trustline_without_which_no_mint_lands():
    envelope = read(
        OFFLINE.single(Operation(kind=OperationKind.TRUSTLINE), sequence=1, expires_at_us=EXPIRES_US)
    )

    (trust,) = envelope.transaction.operations
    assert isinstance(trust, ChangeTrust)
    assert trust.asset == LT


@pytest.mark.parametrize(
    "asset, form, kind",
    [
        (LedgerAsset.LT, Form.PAYMENT, Payment),
        (LedgerAsset.XLM, Form.PAYMENT, Payment),
        (LedgerAsset.XLM, Form.CREATE_ACCOUNT, CreateAccount),
        (LedgerAsset.LT, Form.CLAIMABLE_BALANCE, CreateClaimableBalance),
        (LedgerAsset.XLM, Form.CLAIMABLE_BALANCE, CreateClaimableBalance),
    ],
)
def test_a_withdrawal_reaches_its_wallet_in_its_form(asset, form, kind):
    envelope = read(OFFLINE.single(withdrawal(asset, form), sequence=7, expires_at_us=EXPIRES_US))

    (operation,) = envelope.transaction.operations
    assert isinstance(operation, kind)
    chain_asset = Asset.native() if asset is LedgerAsset.XLM else LT
    if kind is CreateAccount:
        assert (operation.destination, operation.starting_balance) == (ANA, "2.5")
    elif kind is Payment:
        assert (operation.destination.account_id, operation.asset) == (ANA, chain_asset)
        assert operation.amount == "2.5"
    else:
        (claimant,) = operation.claimants
        assert (claimant.destination, operation.asset, operation.amount) == (ANA, chain_asset, "2.5")
        assert claimant.predicate.claim_predicate_type.value == 0  # unconditional: for ever
    assert signers(envelope) == {CUSTODY.public_key}


def test_a_batch_of_mints_and_burns_has_one_number_and_both_signatures():
    operations = [mint(3), burn(2)] * 50

    envelope = read(OFFLINE.build(operations, sequence=9, expires_at_us=EXPIRES_US))

    assert envelope.transaction.fee == 10_000
    sources = [
        operation.source and operation.source.account_id for operation in envelope.transaction.operations
    ]
    assert sources == [ISSUER.public_key, None] * 50
    assert signers(envelope) == {ISSUER.public_key, CUSTODY.public_key}


def test_a_batch_of_burns_needs_no_issuer():
    assert signers(read(OFFLINE.build([burn(), burn()], sequence=9, expires_at_us=EXPIRES_US))) == {
        CUSTODY.public_key
    }


def test_a_signature_of_the_offline_network_is_worth_nothing_on_another():
    signed = OFFLINE.single(burn(), sequence=7, expires_at_us=EXPIRES_US)

    for network in ("testnet", "public"):
        envelope = TransactionEnvelope.from_xdr(signed.xdr, NETWORKS[network].passphrase)
        with pytest.raises(BadSignatureError):
            CUSTODY.verify(envelope.hash(), envelope.signatures[0].signature)


def test_a_fee_bump_is_custody_s_around_the_same_transaction():
    inner = OFFLINE.single(mint(), sequence=7, expires_at_us=EXPIRES_US)

    bump = OFFLINE.fee_bump(inner.xdr, 1_000)

    envelope = FeeBumpTransactionEnvelope.from_xdr(bump.xdr, OFFLINE.network.passphrase)
    assert envelope.hash_hex() == bump.hash
    assert envelope.transaction.inner_transaction_envelope.to_xdr() == inner.xdr
    assert envelope.transaction.fee_source.account_id == CUSTODY.public_key
    assert envelope.transaction.fee == 2_000
    CUSTODY.verify(envelope.hash(), envelope.signatures[0].signature)


def test_without_its_signatures_an_envelope_has_the_same_hash():
    signed = OFFLINE.single(mint(), sequence=7, expires_at_us=EXPIRES_US)

    bare = TransactionEnvelope.from_xdr(without_signatures(signed.xdr), OFFLINE.network.passphrase)

    assert bare.signatures == []
    assert bare.hash_hex() == signed.hash


def test_keys_are_made_once_and_readable_by_their_owner_only(tmp_path):
    settings = Settings(data_dir=tmp_path)

    first, again = Keys.of(settings), Keys.of(settings)

    assert first.issuer.address == again.issuer.address
    assert first.custody.address == again.custody.address
    assert first.issuer.address != first.custody.address
    for name in (ISSUER_KEY, CUSTODY_KEY):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_keys_of_the_settings_win_and_are_never_shown(tmp_path):
    issuer, custody = Keypair.random(), Keypair.random()
    settings = Settings(
        data_dir=tmp_path, stellar_issuer_secret=issuer.secret, stellar_custody_secret=custody.secret
    )

    keys = Keys.of(settings)

    assert (keys.issuer.address, keys.custody.address) == (issuer.public_key, custody.public_key)
    assert not (tmp_path / ISSUER_KEY).exists()
    for shown in (repr(settings), repr(keys.issuer), str(keys.custody)):
        assert issuer.secret not in shown
        assert custody.secret not in shown
    assert StrKey.is_valid_ed25519_public_key(keys.issuer.address)


def test_a_signature_in_an_envelope_is_64_bytes_with_the_key_s_hint():
    signed = OFFLINE.single(burn(), sequence=7, expires_at_us=EXPIRES_US)

    raw = base64.b64decode(signed.xdr)

    assert raw[-72:-68] == CUSTODY.raw_public_key()[-4:]
    assert raw[-68:-64] == b"\x00\x00\x00\x40"
