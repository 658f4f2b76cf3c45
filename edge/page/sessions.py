"""Who is signed in at the page, and how often one may try. Times are monotonic seconds of the caller."""

import hashlib
import hmac
import secrets
from collections import deque

from msgspec import Struct

SESSION_S = 12 * 3600.0
SESSIONS_MAX = 16
"""A further one ends the oldest."""
WINDOW_S = 300.0
TRIES_MAX = 5
"""Failed tries from one address within the window."""
TRIES_TOTAL_MAX = 30
"""Failed tries from all addresses but this machine's own, within the window."""


class Session(Struct, frozen=True, kw_only=True):
    """One signed-in browser."""

    csrf: str
    """Must come with each command, in a header that no other site's page can set."""
    mark: bytes
    """Of the credential it signed in with: another password ends it."""
    local: bool
    """Signed in from this machine without a password; good from this machine alone."""
    until: float


class Sessions:
    """All of them, in memory: a restart signs everybody out."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, Session] = {}

    def begin(self, *, mark: bytes, local: bool, monotonic: float) -> tuple[str, Session]:
        """(the cookie's value, the session)."""
        token = secrets.token_urlsafe(32)
        session = Session(csrf=secrets.token_urlsafe(32), mark=mark, local=local, until=monotonic + SESSION_S)
        while len(self._by_digest) >= SESSIONS_MAX:
            del self._by_digest[next(iter(self._by_digest))]
        self._by_digest[_digest(token)] = session
        return token, session

    def find(self, token: str | None, *, mark: bytes, local: bool, monotonic: float) -> Session | None:
        """The session of a cookie, if it still holds; `local`: the request comes from this machine."""
        if not token:
            return None
        digest = _digest(token)
        session = self._by_digest.get(digest)
        if session is None:
            return None
        if monotonic >= session.until or not hmac.compare_digest(session.mark, mark):
            del self._by_digest[digest]
            return None
        return session if local or not session.local else None

    def end(self, token: str | None) -> None:
        """Sign out."""
        if token:
            self._by_digest.pop(_digest(token), None)


class TryLimiter:
    """Counts tries that failed, by address and in all. A try counts from its beginning, so that many at once
    are no way round it.
    """

    def __init__(self) -> None:
        self.refused = 0
        """Wrong passwords and tries that were not even looked at, since the start."""
        self._tries: deque[tuple[float, str, bool]] = deque()

    def wait_s(self, source: str, *, exempt: bool, monotonic: float) -> float:
        """How long this address must wait before it may try; 0: it may now. `exempt` from the total."""
        while self._tries and monotonic - self._tries[0][0] >= WINDOW_S:
            self._tries.popleft()
        mine = [at for at, who, _ in self._tries if who == source]
        others = [] if exempt else [at for at, _, theirs in self._tries if not theirs]
        waits = [
            WINDOW_S - (monotonic - tries[-most])
            for tries, most in ((mine, TRIES_MAX), (others, TRIES_TOTAL_MAX))
            if len(tries) >= most
        ]
        return max(waits, default=0.0)

    def begin(self, source: str, *, exempt: bool, monotonic: float) -> None:
        """A try begins."""
        self._tries.append((monotonic, source, exempt))

    def succeeded(self, source: str) -> None:
        """Forget the address's failures."""
        self._tries = deque(entry for entry in self._tries if entry[1] != source)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
