"""A second way into one account: a wallet for a person with an email, an email for one with a wallet.

Both sides are proven in one request: the side the person came in by through their session and once more by
its password or signature, the wallet by a signature over a one-use message that names wallet and person.
What is somebody's already stays theirs: accounts never merge.
"""

import asyncio
import logging

from cloud.errors import BadRequest
from cloud.identity import storage
from cloud.identity.challenge import Challenge, make_link_challenge, read_link_challenge
from cloud.identity.email_sign_in import EmailSignIn, check_email_is_free
from cloud.identity.errors import WayInTaken, WrongPassword
from cloud.identity.model import Person
from cloud.identity.passwords import Passwords
from cloud.identity.profile import Profile
from cloud.identity.registration import Registration
from cloud.identity.service import Identity
from cloud.identity.wallet import check_address, verify_wallet
from cloud.kit.store import Store
from shared.clock import Clock

logger = logging.getLogger(__name__)


class Linking:
    """The use cases of linking."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        email_sign_in: EmailSignIn,
        passwords: Passwords,
        token_key: bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._email_sign_in = email_sign_in
        self._passwords = passwords
        self._key = token_key

    async def challenge(self, person: Person, wallet_address: str | None) -> tuple[str, int]:
        """A one-use message to sign, and when it expires; None: for the person's own wallet.

        Raises:
            BadWalletProof: the address is malformed.
            BadRequest: there is no wallet to ask.
        """
        wallet_address = wallet_address or person.wallet_address
        if wallet_address is None:
            raise BadRequest("wallet_address: required, the account has none yet")
        await asyncio.to_thread(check_address, wallet_address)
        return make_link_challenge(self._key, wallet_address, person.id, self._clock.now_us())

    async def link_wallet(
        self, person: Person, wallet_address: str, *, message: str, signature: str, password: str
    ) -> Person:
        """The person with the wallet, which starts as a new one does.

        Raises:
            WrongPassword: not the account's, or it has none.
            BadWalletProof, WrongSignature, ChallengeRefused: the wallet is not proven.
            WayInTaken: the wallet is somebody's, or the person has one.
        """
        challenge = await self._proven(person, wallet_address, message, signature)
        async with self._store.read() as tx:
            login = await storage.email_login_of(tx, person.id)
        right = await self._passwords.matches(login.password_hash if login else None, password)
        if not right:
            raise WrongPassword("Invalid password")
        async with self._store.write() as tx:
            await self._identity.spend(tx, challenge)
            if (await self._identity.person(tx, person.id)).wallet_address is not None:
                raise WayInTaken("wallet_address: the account has a wallet already")
            if await storage.person_by_wallet(tx, wallet_address) is not None:
                raise WayInTaken("wallet_address: belongs to another account; accounts are never merged")
            await storage.set_wallet(tx, person.id, wallet_address)
            await self._identity.welcome(tx, person.account)
            person = await self._identity.person(tx, person.id)
        logger.info("wallet linked person_id=%d", person.id)
        return person

    async def link_email(
        self, person: Person, wish: Registration, *, message: str, signature: str
    ) -> Profile:
        """The profile with the email, by whose password the person may sign in from now on.

        Raises:
            InvalidFields: what does not hold.
            BadWalletProof, WrongSignature, ChallengeRefused: not signed by the account's wallet.
            WayInTaken: the email has an account of this type, or the person has an email.
        """
        wish.check()
        if person.wallet_address is None:
            raise WayInTaken("email: the account has an email already")
        challenge = await self._proven(person, person.wallet_address, message, signature)
        password_hash = await self._passwords.hash(wish.password)
        async with self._store.write() as tx:
            await self._identity.spend(tx, challenge)
            if await storage.email_login_of(tx, person.id) is not None:
                raise WayInTaken("email: the account has an email already")
            await check_email_is_free(tx, wish)
            await self._email_sign_in.add_email(tx, person, wish, password_hash)
            profile = await storage.profile_of(tx, person.id)
        logger.info("email linked person_id=%d", person.id)
        return profile

    async def _proven(self, person: Person, wallet_address: str, message: str, signature: str) -> Challenge:
        await asyncio.to_thread(verify_wallet, wallet_address, message, signature)
        return read_link_challenge(self._key, message, wallet_address, person.id, self._clock.now_us())
