"""How a person is called on a page."""

from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person


async def shown_name(person: Person, email_sign_in: EmailSignIn) -> str:
    """The email, else the ends of the wallet's address."""
    profile = await email_sign_in.profile(person)
    if profile.email is not None:
        return profile.email
    wallet = person.wallet_address
    return person.user_id if wallet is None else f"{wallet[:6]}…{wallet[-6:]}"
