"""Go-back-N over one stream, checked against a cloud that loses what it likes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.uplink.window import RESEND_AFTER_S, Window


def test_a_window_takes_no_more_than_its_size() -> None:
    window = Window(2)
    window.sending(1, monotonic=0)
    assert window.room == 1
    window.sending(2, monotonic=0)
    assert window.room == 0

    window.acknowledged(1, monotonic=1)
    assert (window.room, window.sent) == (1, 2)


def test_silence_of_ten_seconds_begins_again_at_the_lowest_unanswered() -> None:
    window = Window(10)
    for seq in (1, 2, 3):
        window.sending(seq, monotonic=0)
    window.acknowledged(1, monotonic=5)

    window.expire(monotonic=5 + RESEND_AFTER_S - 0.1)
    assert (window.sent, window.resends) == (3, 0)
    window.expire(monotonic=5 + RESEND_AFTER_S)
    assert (window.sent, window.resends, window.room) == (0, 1, 10)


def test_nothing_in_flight_never_expires() -> None:
    window = Window(10)
    window.sending(1, monotonic=0)
    window.acknowledged(1, monotonic=1)

    window.expire(monotonic=1_000)

    assert (window.sent, window.resends) == (1, 0)


def test_the_record_after_a_gap_is_sent_again_as_the_oldest() -> None:
    window = Window(10)
    for seq in (7, 8, 1_000):
        window.sending(seq, monotonic=0)

    window.acknowledged(8, monotonic=1)

    assert (window.sent, window.room) == (8, 10)


def test_a_repeated_acknowledgement_changes_nothing() -> None:
    window = Window(10)
    for seq in (1, 2, 3):
        window.sending(seq, monotonic=0)
    window.acknowledged(2, monotonic=1)
    window.acknowledged(2, monotonic=2)
    window.acknowledged(1, monotonic=3)

    assert (window.sent, window.room) == (3, 9)


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=25),
    losses=st.lists(st.booleans(), max_size=120),
    size=st.integers(1, 6),
)
def test_every_record_is_applied_once_and_in_order_whatever_is_lost(
    gaps: list[int], losses: list[bool], size: int
) -> None:
    held = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    all_of_them = list(held)
    applied: list[int] = []
    through, now = 0, 0.0
    lost = iter(losses)
    window = Window(size)
    for _ in range(400):
        if not held:
            break
        now += 1
        window.expire(monotonic=now)
        for seq in [s for s in held if s > window.sent][: window.room]:
            window.sending(seq, monotonic=now)
            if next(lost, False):
                continue
            oldest = held[0]
            if seq == through + 1 or (seq == oldest and oldest > through + 1):
                applied.append(seq)
                through = seq
        if not next(lost, False):
            held = [s for s in held if s > through]
            window.acknowledged(through, monotonic=now)
    assert applied == all_of_them
