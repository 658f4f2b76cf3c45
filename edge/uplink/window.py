"""How far one stream was sent: go-back-N over the journal's sequences. Pure bookkeeping on given times."""

from collections import deque

RESEND_AFTER_S = 10.0
"""Without an acknowledgement that long, everything unanswered is sent again."""


class Window:
    """`sent` is the highest sequence handed out; the journal is asked for what comes after it."""

    def __init__(self, size: int) -> None:
        self.sent = 0
        self.resends = 0
        self._size = size
        self._in_flight: deque[int] = deque()
        self._progress_at = 0.0

    @property
    def room(self) -> int:
        """How many more may be sent now."""
        return self._size - len(self._in_flight)

    def sending(self, seq: int, *, monotonic: float) -> None:
        """A record goes out."""
        if not self._in_flight:
            self._progress_at = monotonic
        self._in_flight.append(seq)
        self.sent = seq

    def acknowledged(self, through: int, *, monotonic: float) -> None:
        """The cloud holds everything up to `through`."""
        before = len(self._in_flight)
        while self._in_flight and self._in_flight[0] <= through:
            self._in_flight.popleft()
        if len(self._in_flight) < before:
            self._progress_at = monotonic
        if self._in_flight and self._in_flight[0] > through + 1 and len(self._in_flight) < before:
            # The next record follows a gap, and went out while older ones were still held: the cloud had to
            # pass it over. Sent again, it names itself as the oldest, and the gap is accepted.
            self.restart()
        self.sent = max(self.sent, through)

    def expire(self, *, monotonic: float) -> None:
        """Begin again at the lowest unanswered record when nothing moved for too long."""
        if self._in_flight and monotonic - self._progress_at >= RESEND_AFTER_S:
            self.resends += 1
            self.restart()

    def restart(self) -> None:
        """Begin again at the lowest unanswered record: the journal gives only those."""
        self._in_flight.clear()
        self.sent = 0
