"""What signing in can say no with. No message repeats a signature, a token or a challenge."""

from cloud.errors import BadRequest, Conflict, NotFound, Unauthenticated


class BadWalletProof(BadRequest):
    """The address is no Stellar address, or the signature is no base64."""


class WrongSignature(Unauthenticated):
    """The signature does not belong to this address and message."""


class ChallengeRefused(Unauthenticated):
    """The message is none of ours, too old, for another wallet, or was used before."""


class UnknownPerson(NotFound):
    """Nobody has signed up so."""


class UnknownWallet(UnknownPerson):
    """Nobody has signed up with this wallet."""


class TokenRefused(Unauthenticated):
    """An access or refresh token that is malformed, expired, ended or used before."""


class WrongPassword(Unauthenticated):
    """Unknown email or wrong password: no answer tells which."""


class ResetRefused(Unauthenticated):
    """A code that sets no password: unknown, used or expired."""


class WayInTaken(Conflict):
    """The email or wallet is somebody's already, or the person has one already; accounts never merge."""
