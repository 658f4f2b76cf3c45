"""Who somebody is: sign-up and sign-in by wallet, refresh, logout, and the person behind a token.

The other ways in stand beside it: `email_sign_in.py`, `web_auth.py` (SEP-10), `linking.py`.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID, uuid4

from msgspec import Struct, structs

from cloud.errors import BadRequest, NotFound
from cloud.identity import storage
from cloud.identity.challenge import Challenge, make_challenge, read_challenge
from cloud.identity.errors import ChallengeRefused, TokenRefused, UnknownPerson, UnknownWallet
from cloud.identity.model import ADMIN, Person, Role, Tokens
from cloud.identity.registration import email_key
from cloud.identity.sessions import storage as sessions
from cloud.identity.tiers import Tier
from cloud.identity.tokens import REFRESH_LIFE_S, WALLET_LIFE_S, AccessClaims, AccessTokens, hash_token
from cloud.identity.wallet import CONSTANT_MESSAGE, check_address, verify_wallet
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from shared.clock import Clock
from shared.coordinates import Coordinates
from shared.ids import new_id
from shared.money import TOKEN_UNITS

logger = logging.getLogger(__name__)

FAUCET_XLM = 10_000
"""What a new wallet starts with on offline and testnet."""
_ID_DIGITS_MAX = 18
"""So that it fits the column."""


class WalletProof(Struct, frozen=True, kw_only=True):
    """A claim to own a wallet, as it came in."""

    wallet_address: str
    signature: str
    """Base64."""
    message: str | None
    """A challenge; None for the constant message."""

    def __repr__(self) -> str:
        return f"WalletProof(wallet_address={self.wallet_address!r}, ***)"


class Identity:
    """The use cases of people and their tokens."""

    def __init__(
        self, store: Store, clock: Clock, ledger: Ledger, token_key: bytes, settings: Settings
    ) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._key = token_key
        self._tokens = AccessTokens(token_key)
        self._settings = settings

    async def challenge(self, wallet_address: str | None) -> tuple[str, int]:
        """A one-use message to sign, and when it expires (epoch microseconds).

        Raises:
            BadWalletProof: the address is malformed.
        """
        if wallet_address is not None:
            await asyncio.to_thread(check_address, wallet_address)
        return make_challenge(self._key, wallet_address, self._clock.now_us())

    async def signup(self, proof: WalletProof) -> tuple[Person, bool]:
        """The person of a proven wallet, and whether they are new.

        Raises:
            BadWalletProof, WrongSignature, ChallengeRefused: the wallet is not proven.
        """
        challenge = await self._proven(proof)
        async with self._store.write() as tx:
            await self.spend(tx, challenge)
            known = await storage.person_by_wallet(tx, proof.wallet_address)
            if known is not None:
                return known, False
            return await self.add(tx, proof.wallet_address), True

    async def login(self, proof: WalletProof) -> Tokens:
        """Tokens of a new sign-in, which ends the refresh tokens of earlier ones.

        Raises:
            BadWalletProof, WrongSignature, ChallengeRefused: the wallet is not proven.
            UnknownWallet: proven, but nobody signed up with it; the challenge stays unused.
        """
        challenge = await self._proven(proof)
        async with self._store.write() as tx:
            person = await self._by_wallet(tx, proof, challenge)
            claims = await self.open_sign_in(tx, person)
            refresh_token = uuid4()
            await self._add_refresh_token(tx, refresh_token, claims.sign_in_id)
        return Tokens(access_token=self.access_token(claims), refresh_token=str(refresh_token))

    async def proven(self, proof: WalletProof) -> Person:
        """The person of a proven wallet. No sign-in is opened, none ends.

        Raises:
            BadWalletProof, WrongSignature, ChallengeRefused, UnknownWallet: as `login`.
        """
        challenge = await self._proven(proof)
        async with self._store.write() as tx:
            return await self._by_wallet(tx, proof, challenge)

    async def refresh(self, token: UUID, *, rotate: bool) -> tuple[str, UUID | None]:
        """A new access token; with `rotate` also the refresh token that takes this one's place.

        A token that was rotated away and comes back was stolen, from one side or the other: its whole
        family ends, access tokens included.

        Raises:
            TokenRefused: unknown, expired, ended by logout or a newer sign-in, or used before.
        """
        token_hash, now_us = hash_token(token), self._clock.now_us()
        async with self._store.write() as tx:
            row = await storage.refresh_row(tx, token_hash)
            reused = row is not None and row.rotated_at_us is not None and row.revoked_at_us is None
            if row is not None and reused:
                await storage.revoke_sign_in(tx, row.sign_in_id, now_us)
            if row is not None and _usable(row, now_us):
                await storage.note_refresh(tx, row.sign_in_id, now_us)
            fresh = uuid4() if rotate and row is not None and _usable(row, now_us) else None
            if row is not None and fresh is not None:
                await storage.mark_rotated(tx, token_hash, now_us)
                await self._add_refresh_token(tx, fresh, row.sign_in_id)
        if row is not None and reused:
            logger.warning("refresh token used again, sign-in revoked person_id=%d", row.person_id)
        if row is None or not _usable(row, now_us):
            raise TokenRefused("refresh_token: unknown, expired, ended or used before; sign in again")
        claims = AccessClaims(person_id=row.person_id, sign_in_id=row.sign_in_id)
        return self.access_token(claims), fresh

    async def logout(self, person: Person) -> None:
        """End every sign-in of the person: no token of theirs works any more."""
        async with self._store.write() as tx:
            await self.end_sign_ins(tx, person)

    async def person_of_token(self, token: str) -> Person:
        """The person an access token stands for.

        Raises:
            TokenRefused: malformed, expired, or its sign-in was revoked.
        """
        claims = self._tokens.read(token, self._clock.now_us())
        lookup = self._store.lookup()
        person = await storage.person_of_sign_in(lookup, claims.person_id, claims.sign_in_id)
        if person is None:
            raise TokenRefused("the access token was revoked: sign in again")
        return person

    async def signed_in_at_us(self, token: str) -> int:
        """When the person of an access token proved who they are; refreshing it proves nothing.

        Raises:
            TokenRefused: malformed, expired, or its sign-in was revoked.
        """
        claims = self._tokens.read(token, self._clock.now_us())
        at_us = await storage.sign_in_at_us(self._store.lookup(), claims.person_id, claims.sign_in_id)
        if at_us is None:
            raise TokenRefused("the access token was revoked: sign in again")
        return at_us

    # Building blocks: they join the caller's transaction

    async def add(self, tx: WriteTx, wallet_address: str | None) -> Person:
        """A new person, with or without a wallet."""
        account = await self._ledger.open_account(tx)
        person = await storage.add_person(
            tx, wallet_address=wallet_address, account=account, now_us=self._clock.now_us()
        )
        if wallet_address is not None:
            await self.welcome(tx, account)
        tx.after_commit(lambda: logger.info("person signed up id=%d", person.id))
        return person

    async def welcome(self, tx: WriteTx, account: str) -> None:
        """What a new wallet starts with; nothing on the public network."""
        if self._settings.network != "public":
            await self._ledger.post(tx, _faucet(account))

    async def spend(self, tx: WriteTx, challenge: Challenge | None) -> None:
        """Use a challenge up; None, the constant message, is never used up.

        Raises:
            ChallengeRefused: it was used before.
        """
        if challenge is not None and not await storage.use_challenge(
            tx,
            nonce=challenge.nonce,
            expires_at_us=challenge.expires_at_us,
            now_us=self._clock.now_us(),
        ):
            raise ChallengeRefused("message: the challenge was used before; ask for a new one")

    async def open_sign_in(self, tx: WriteTx, person: Person) -> AccessClaims:
        """A new sign-in, which ends the refresh tokens of earlier ones."""
        claims = AccessClaims(person_id=person.id, sign_in_id=new_id("sess", self._clock))
        await storage.add_sign_in(
            tx, sign_in_id=claims.sign_in_id, person_id=person.id, now_us=self._clock.now_us()
        )
        return claims

    async def end_sign_ins(self, tx: WriteTx, person: Person) -> None:
        """No token or browser session of the person works any more."""
        await storage.revoke_sign_ins_of(tx, person.id, self._clock.now_us())
        await sessions.end_all_of(tx, person.id)

    async def become_operator(
        self, tx: WriteTx, person: Person, location: str, coordinates: Coordinates | None = None
    ) -> None:
        """Make the person a network node operator who is at home there; coordinates None: as before."""
        await storage.set_role(tx, person.id, Role.OPERATOR)
        await storage.set_location(tx, person.id, location)
        if coordinates is not None:
            profile = await storage.profile_of(tx, person.id)
            await storage.set_profile(tx, person.id, structs.replace(profile, **structs.asdict(coordinates)))

    async def coordinates_of(self, tx: ReadTx, person_ids: Sequence[int]) -> Mapping[int, Coordinates]:
        """Where these people say they are, by id; those who did not are absent."""
        return {
            row.person_id: Coordinates(latitude=row.latitude, longitude=row.longitude)
            for row in await storage.places_of(tx, person_ids)
        }

    async def become_donor(self, tx: WriteTx, person_id: int) -> None:
        """Make a recipient a donor; whoever is something else stays that."""
        await storage.change_role(tx, person_id, Role.RECIPIENT, Role.DONOR)

    async def set_kyc(self, tx: WriteTx, person: Person, status: str, *, verified_at_us: int | None) -> None:
        """What `cloud/kyc` found out."""
        await storage.set_kyc(tx, person.id, status, verified_at_us)

    async def end_kyc(self, tx: WriteTx, *, verified_until_us: int) -> int:
        """Whoever was verified at this moment or before is so no longer; how many they were."""
        return await storage.end_kyc(tx, verified_until_us=verified_until_us)

    def access_token(self, claims: AccessClaims, *, life_s: int = WALLET_LIFE_S) -> str:
        """The token that acts for a sign-in, from now on."""
        return self._tokens.make(claims, self._clock.now_us(), life_s=life_s)

    async def total(self) -> int:
        """How many people there are."""
        async with self._store.read() as tx:
            return await storage.person_total(tx)

    async def shown_ids(self, tx: ReadTx, person_ids: Iterable[int]) -> dict[int, str]:
        """How people are shown to others; without those who are unknown."""
        return {person.id: person.shown_id for person in await storage.people_by_id(tx, list(person_ids))}

    async def person(self, tx: ReadTx, person_id: int) -> Person:
        """The person with this id.

        Raises:
            NotFound: there is none.
        """
        person = await storage.person_by_id(tx, person_id)
        if person is None:
            raise NotFound(f"person {person_id}: unknown")
        return person

    async def grant(self, who: str, role: str) -> Person:
        """Give a role, or `admin` beside it; for the command line only. `who` as in `known`.

        Raises:
            BadRequest: no such role, or more than one person by this email.
            UnknownPerson: nobody signed up so.
        """
        allowed: Sequence[str] = [*Role, ADMIN]
        if role not in allowed:
            raise BadRequest(f"role: {role!r} is none of {', '.join(allowed)}")
        async with self._store.write() as tx:
            known = await self.known(tx, who)
            if role == ADMIN:
                await storage.set_admin(tx, known.id, is_admin=True)
            else:
                await storage.set_role(tx, known.id, Role(role))
            person = await self.person(tx, known.id)
        logger.info("role granted person_id=%d role=%s", person.id, role)
        return person

    async def withdraw_admin(self, who: str) -> Person:
        """Take `admin` back.

        Raises:
            UnknownPerson: nobody signed up so.
        """
        async with self._store.write() as tx:
            known = await self.known(tx, who)
            await storage.set_admin(tx, known.id, is_admin=False)
            person = await self.person(tx, known.id)
        logger.info("admin withdrawn person_id=%d", person.id)
        return person

    async def set_tier(self, who: str, tier: str) -> Person:
        """Say how many calls of the investment platform somebody has; for the command line only.

        Raises:
            BadRequest: no such tier, or more than one person by this email.
            UnknownPerson: nobody signed up so.
        """
        if tier not in list(Tier):
            raise BadRequest(f"tier: {tier!r} is none of {', '.join(Tier)}")
        async with self._store.write() as tx:
            known = await self.known(tx, who)
            await storage.set_tier(tx, known.id, Tier(tier))
            person = await self.person(tx, known.id)
        logger.info("tier set person_id=%d tier=%s", person.id, tier)
        return person

    async def known(self, tx: ReadTx, who: str) -> Person:
        """The person with this wallet, email or `usr_…`."""
        found: list[Person | None]
        if "@" in who:
            found = [*await storage.people_by_email(tx, email_key(who))]
        elif who.startswith("usr_"):
            number = who.removeprefix("usr_")
            found = [await storage.person_by_id(tx, int(number)) if _is_id(number) else None]
        else:
            found = [await storage.person_by_wallet(tx, who)]
        people = [person for person in found if person is not None]
        if not people:
            raise UnknownPerson(f"{who}: nobody signed up with it")
        if len(people) > 1:
            ids = " and ".join(person.user_id for person in people)
            raise BadRequest(f"{who}: belongs to {ids}; name one of them")
        return people[0]

    async def _by_wallet(self, tx: WriteTx, proof: WalletProof, challenge: Challenge | None) -> Person:
        person = await storage.person_by_wallet(tx, proof.wallet_address)
        if person is None:
            raise UnknownWallet("wallet_address: unknown; sign up first with POST /api/v1/auth/signup")
        await self.spend(tx, challenge)
        return person

    async def _proven(self, proof: WalletProof) -> Challenge | None:
        """The challenge that was signed, None for the constant message."""
        message = proof.message
        if message is None or message == CONSTANT_MESSAGE:
            if not self._settings.constant_sign_in:
                raise BadRequest("message: required here; ask POST /api/v1/auth/challenge for one to sign")
            message = CONSTANT_MESSAGE
        await asyncio.to_thread(verify_wallet, proof.wallet_address, message, proof.signature)
        if message == CONSTANT_MESSAGE:
            return None
        return read_challenge(self._key, message, proof.wallet_address, self._clock.now_us())

    async def _add_refresh_token(self, tx: WriteTx, token: UUID, sign_in_id: str) -> None:
        await storage.add_refresh_token(
            tx,
            token_hash=hash_token(token),
            sign_in_id=sign_in_id,
            expires_at_us=self._clock.now_us() + REFRESH_LIFE_S * 1_000_000,
        )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS_MAX


def _usable(row: storage.RefreshRow, now_us: int) -> bool:
    return (
        row.rotated_at_us is None
        and row.replaced_at_us is None
        and row.revoked_at_us is None
        and row.expires_at_us > now_us
    )


def _faucet(account: str) -> Entry:
    amount = FAUCET_XLM * TOKEN_UNITS
    return Entry(
        kind=EntryKind.FAUCET,
        postings=(
            Posting(SystemAccount.FAUCET, Asset.XLM, -amount),
            Posting(account, Asset.XLM, amount),
        ),
    )
