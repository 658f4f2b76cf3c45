"""Sign-in by SEP-10: the service sends a transaction that can never land, the wallet signs it and sends it
back. https://github.com/stellar/stellar-protocol/blob/master/ecosystem/sep-0010.md

A wallet that proves itself here for the first time is signed up. One account is one person: no memos, no
muxed accounts. The account's master key signs; further signers of an account are known to the chain alone.
"""

import asyncio
from urllib.parse import urlsplit

from msgspec import Struct

from cloud.errors import BadRequest
from cloud.identity import storage
from cloud.identity.challenge import Challenge
from cloud.identity.errors import WrongSignature
from cloud.identity.service import Identity
from cloud.identity.tokens import AccessTokens
from cloud.identity.wallet import check_address
from cloud.kit.store import Store
from cloud.settings import Settings
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

CHALLENGE_LIFE_S = 900
USED_KEPT_S = 86_400
"""stellar-sdk reads the machine's clock; this one may run a good deal faster and must not forget before."""

PASSPHRASES = {
    "public": "Public Global Stellar Network ; September 2015",
    "testnet": "Test SDF Network ; September 2015",
    "offline": "Test SDF Network ; September 2015",
}
"""Wallets know these two; offline is a network of nobody's, so what is signed for it is worth nothing on one
where money moves."""


class WebChallenge(Struct, frozen=True, kw_only=True):
    """What a wallet is asked to sign."""

    transaction: str
    network_passphrase: str


class _Proven(Struct, frozen=True, kw_only=True):
    wallet_address: str
    transaction_hash: str


class WebAuth:
    """The two steps, and the file that leads to them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        seed: bytes,
        token_key: bytes,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._seed = seed
        self._tokens = AccessTokens(token_key)
        self._endpoint = f"{settings.base_url}/sep10/auth"
        self.home_domain = urlsplit(settings.base_url).netloc
        self._passphrase = PASSPHRASES[settings.network]

    async def stellar_toml(self) -> str:
        """SEP-1, as far as SEP-10 needs it."""
        signing_key = await asyncio.to_thread(self._address)
        return (
            f'NETWORK_PASSPHRASE="{self._passphrase}"\n'
            f'WEB_AUTH_ENDPOINT="{self._endpoint}"\n'
            f'SIGNING_KEY="{signing_key}"\n'
        )

    async def challenge(self, account: str, home_domain: str | None) -> WebChallenge:
        """A transaction for the account to sign within 15 min.

        Raises:
            BadWalletProof: no Stellar public key.
            BadRequest: for another service.
        """
        if home_domain not in {None, self.home_domain}:
            raise BadRequest(f"home_domain: this is {self.home_domain}")
        return WebChallenge(
            transaction=await asyncio.to_thread(self._build, account), network_passphrase=self._passphrase
        )

    async def token(self, transaction: str) -> str:
        """An access token of 15 min for the account that signed.

        Raises:
            BadRequest: not a challenge of this service, expired, or used before.
            WrongSignature: the account did not sign it.
        """
        proven = await asyncio.to_thread(self._verify, transaction)
        now_us = self._clock.now_us()
        async with self._store.write() as tx:
            await self._identity.spend(
                tx,
                Challenge(
                    nonce=f"sep10 {proven.transaction_hash}",
                    expires_at_us=now_us + USED_KEPT_S * MICROS_PER_SECOND,
                ),
            )
            person = await storage.person_by_wallet(tx, proven.wallet_address)
            if person is None:
                person = await self._identity.add(tx, proven.wallet_address)
            claims = await self._identity.open_sign_in(tx, person)
        return self._tokens.make_for_wallet(
            claims,
            now_us,
            issuer=self._endpoint,
            wallet_address=proven.wallet_address,
            jti=proven.transaction_hash,
        )

    # In threads: stellar-sdk costs half a second to import, and signatures their time.

    def _address(self) -> str:
        from stellar_sdk import Keypair

        return Keypair.from_raw_ed25519_seed(self._seed).public_key

    def _build(self, account: str) -> str:
        from stellar_sdk import Keypair
        from stellar_sdk.sep.stellar_web_authentication import build_challenge_transaction

        check_address(account, field="account")
        return build_challenge_transaction(
            server_secret=Keypair.from_raw_ed25519_seed(self._seed).secret,
            client_account_id=account,
            home_domain=self.home_domain,
            web_auth_domain=self.home_domain,
            network_passphrase=self._passphrase,
            timeout=CHALLENGE_LIFE_S,
        )

    def _verify(self, transaction: str) -> _Proven:
        from stellar_sdk.sep.exceptions import InvalidSep10ChallengeError
        from stellar_sdk.sep.stellar_web_authentication import (
            read_challenge_transaction,
            verify_challenge_transaction_signed_by_client_master_key,
        )

        known = (transaction, self._address(), self.home_domain, self.home_domain, self._passphrase)
        try:
            challenge = read_challenge_transaction(*known)
        except InvalidSep10ChallengeError as error:
            raise BadRequest(f"transaction: {error}") from None
        except Exception:  # noqa: BLE001  the decoder raises whatever broken bytes lead it to
            raise BadRequest("transaction: not a challenge of this service") from None
        try:
            check_address(challenge.client_account_id)
            verify_challenge_transaction_signed_by_client_master_key(*known)
        except InvalidSep10ChallengeError:
            raise WrongSignature("transaction: not signed by the account's master key") from None
        return _Proven(
            wallet_address=challenge.client_account_id, transaction_hash=challenge.transaction.hash_hex()
        )
