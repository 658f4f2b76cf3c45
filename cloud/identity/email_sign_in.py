"""Accounts by email and password, and what a person tells about themselves."""

from msgspec import Struct, structs

from cloud.identity import storage
from cloud.identity.errors import WayInTaken, WrongPassword
from cloud.identity.model import Person
from cloud.identity.passwords import Passwords
from cloud.identity.profile import Profile, ProfileChange
from cloud.identity.registration import Registration, UserType, email_key
from cloud.identity.service import Identity
from cloud.identity.storage import EmailLogin
from cloud.identity.tokens import EMAIL_LIFE_S
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock


class EmailSession(Struct, frozen=True, kw_only=True):
    """What a sign-in by email gives. The token is a secret."""

    access_token: str
    person_id: int
    user_type: UserType

    def __repr__(self) -> str:
        return f"EmailSession(person_id={self.person_id}, ***)"


class EmailSignIn:
    """The use cases of people who come by email."""

    def __init__(self, store: Store, clock: Clock, identity: Identity, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._passwords = passwords

    async def register(self, wish: Registration) -> EmailSession:
        """A new person, signed in.

        Raises:
            InvalidFields: what does not hold.
            WayInTaken: the email has an account of this type.
        """
        wish.check()
        password_hash = await self._passwords.hash(wish.password)
        async with self._store.write() as tx:
            await check_email_is_free(tx, wish)
            person = await self._identity.add(tx, wallet_address=None)
            await self.add_email(tx, person, wish, password_hash)
            claims = await self._identity.open_sign_in(tx, person)
        return EmailSession(
            access_token=self._identity.access_token(claims, life_s=EMAIL_LIFE_S),
            person_id=person.id,
            user_type=wish.user_type,
        )

    async def login(self, email: str, password: str, user_type: UserType) -> EmailSession:
        """A new sign-in, which ends earlier ones' refresh tokens.

        Raises:
            WrongPassword: or unknown; either takes the same time.
        """
        person_id = await self.proven(email, password, user_type)
        async with self._store.write() as tx:
            person = await self._identity.person(tx, person_id)
            claims = await self._identity.open_sign_in(tx, person)
        return EmailSession(
            access_token=self._identity.access_token(claims, life_s=EMAIL_LIFE_S),
            person_id=person.id,
            user_type=user_type,
        )

    async def proven(self, email: str, password: str, user_type: UserType) -> int:
        """The id of the person whose password it is. No sign-in is opened, none ends.

        Raises:
            WrongPassword: or unknown; either takes the same time.
        """
        async with self._store.read() as tx:
            known = await storage.email_login(tx, email_key(email), user_type)
        right = await self._passwords.matches(known.password_hash if known else None, password)
        if known is None or not right:
            raise WrongPassword("Invalid email or password")
        return known.person_id

    async def profile(self, person: Person) -> Profile:
        """What the person told."""
        async with self._store.read() as tx:
            return await self.profile_of(tx, person.id)

    async def profile_of(self, tx: ReadTx, person_id: int) -> Profile:
        """As `profile`, within a use case."""
        return await storage.profile_of(tx, person_id)

    async def change_profile(self, person: Person, change: ProfileChange) -> Profile:
        """The profile after the change.

        Raises:
            InvalidFields: what does not hold; nothing is changed then.
        """
        async with self._store.write() as tx:
            changed = change.applied(await storage.profile_of(tx, person.id))
            await storage.set_profile(tx, person.id, changed)
        return changed

    async def add_email(self, tx: WriteTx, person: Person, wish: Registration, password_hash: str) -> None:
        """Give a person their email; what they told beside it becomes their profile's."""
        login = EmailLogin(person_id=person.id, user_type=wish.user_type, password_hash=password_hash)
        await storage.add_email_login(
            tx, login, email=wish.email, email_key=email_key(wish.email), now_us=self._clock.now_us()
        )
        known = await storage.profile_of(tx, person.id)
        await storage.set_profile(tx, person.id, profile_with(known, wish))


async def check_email_is_free(tx: WriteTx, wish: Registration) -> None:
    """Return silently when the email has no account of this type.

    Raises:
        WayInTaken: it has.
    """
    if await storage.email_login(tx, email_key(wish.email), wish.user_type) is not None:
        raise WayInTaken(f"email: has a {wish.user_type} account already; sign in to it")


def profile_with(known: Profile, wish: Registration) -> Profile:
    """What was known, and over it what a registration tells."""
    return structs.replace(
        known,
        name=wish.name,
        phone=wish.phone if wish.phone is not None else known.phone,
        business_name=wish.business_name,
        contact_person=wish.contact_person,
        gstin=wish.gstin,
    )
