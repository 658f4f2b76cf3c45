"""One-use messages: made without a row, believed only when they are ours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.identity.challenge import make_challenge, read_challenge
from cloud.identity.errors import ChallengeRefused

KEY = bytes(range(32))
NOW_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
FIVE_MINUTES_US = 300_000_000
WALLET = "GBXFXNDLV4LSWA4VB7YIL5GBD7BVNR22SGBTDKMO2SBZZHDXSKZYCP7L"


def test_a_challenge_lives_five_minutes_and_not_a_microsecond_more() -> None:
    message, expires_at_us = make_challenge(KEY, None, NOW_US)

    assert expires_at_us == NOW_US + FIVE_MINUTES_US
    assert read_challenge(KEY, message, WALLET, NOW_US + FIVE_MINUTES_US - 1).expires_at_us == expires_at_us
    with pytest.raises(ChallengeRefused, match="expired"):
        read_challenge(KEY, message, WALLET, NOW_US + FIVE_MINUTES_US)


def test_a_challenge_says_what_it_is_for() -> None:
    message, _ = make_challenge(KEY, WALLET, NOW_US)

    assert message.startswith(f"los-tecnicos-auth {WALLET} 1767225900 ")


def test_two_challenges_differ() -> None:
    assert make_challenge(KEY, None, NOW_US) != make_challenge(KEY, None, NOW_US)


def test_a_challenge_for_one_wallet_is_refused_from_another() -> None:
    message, _ = make_challenge(KEY, WALLET, NOW_US)

    read_challenge(KEY, message, WALLET, NOW_US)
    with pytest.raises(ChallengeRefused, match="another wallet"):
        read_challenge(KEY, message, "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", NOW_US)


def test_another_services_challenge_is_refused() -> None:
    message, _ = make_challenge(bytes(32), None, NOW_US)

    with pytest.raises(ChallengeRefused, match="not a challenge of this service"):
        read_challenge(KEY, message, WALLET, NOW_US)


@settings(max_examples=100)
@given(position=st.integers(0, 150), letter=st.characters(codec="ascii", exclude_characters="\x00"))
def test_a_challenge_with_one_changed_letter_is_refused(position: int, letter: str) -> None:
    message, _ = make_challenge(KEY, None, NOW_US)
    position %= len(message)
    changed = message[:position] + letter + message[position + 1 :]

    if changed != message:
        with pytest.raises(ChallengeRefused):
            read_challenge(KEY, changed, WALLET, NOW_US)


@pytest.mark.parametrize("message", ["", " ", "los-tecnicos-auth any 9999999999 00 ", "\ud800", "é é é é é"])
def test_any_other_text_is_refused(message: str) -> None:
    with pytest.raises(ChallengeRefused):
        read_challenge(KEY, message, WALLET, NOW_US)
