"""The text of a key, against a checksum worked out another way."""

import re
import string
import zlib

from hypothesis import given
from hypothesis import strategies as st

from cloud.identity.api_keys.key import Mode, checksum, mode_of, new_key

BASE_62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def value_of(digits: str) -> int:
    """By Horner's rule: the way back from what the code does by division."""
    total = 0
    for digit in digits:
        total = total * 62 + BASE_62.index(digit)
    return total


def test_a_key_has_its_prefix_and_a_crc_32_over_all_before_it() -> None:
    for mode in Mode:
        key = new_key(mode)

        assert re.fullmatch(rf"tl_{mode}_[0-9A-Za-z]{{38}}", key)
        assert value_of(key[-6:]) == zlib.crc32(key[:-6].encode())
        assert mode_of(key) is mode


def test_known_checksums() -> None:
    # CRC-32 of "123456789" is 0xCBF43926 = 3421780262 in every catalogue of checksums:
    # 3*62^5 + 45*62^4 + 35*62^3 + 27*62^2 + 22*62 + 14, digits 3 j Z R M E.
    assert value_of("3jZRME") == 0xCBF43926
    assert checksum("123456789") == "3jZRME"
    assert checksum("") == "000000"


def test_no_two_keys_are_alike() -> None:
    assert len({new_key(Mode.LIVE) for _ in range(1_000)}) == 1_000


@given(st.integers(0, 45), st.sampled_from(BASE_62 + "_"))
def test_one_wrong_character_is_seen_without_asking_anybody(place: int, character: str) -> None:
    key = new_key(Mode.LIVE)
    typo = key[:place] + character + key[place + 1 :]

    assert (mode_of(typo) is Mode.LIVE) == (typo == key)


@given(st.text(max_size=60))
def test_whatever_else_is_sent_is_no_key(text: str) -> None:
    assert mode_of(text) is None


def test_a_live_key_renamed_to_a_test_key_is_none() -> None:
    key = new_key(Mode.LIVE)

    assert mode_of(key.replace("live", "test")) is None
    assert mode_of(key + "\n") is None
    assert mode_of(" " + key) is None
