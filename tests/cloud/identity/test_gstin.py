"""GSTINs with known check characters, and what is none."""

import pytest

from cloud.identity.gstin import check_character, is_gstin


@pytest.mark.parametrize(
    "text",
    [
        "27AAPFU0939F1ZV",
        "29AAGCB7383J1Z4",
        "27AASCS2460H1Z0",
    ],
)
def test_numbers_in_public_use_are_valid(text: str) -> None:
    assert is_gstin(text)


def test_a_check_character_by_hand() -> None:
    # 22AAAAA0000A1Z is 2 2 10 10 10 10 10 0 0 0 0 10 1 35, times 1 2 1 2 and so on:
    # 2 4 10 20 10 20 10 0 0 0 0 20 1 70, and 70 is 1 and 34 in base 36: 132 in all.
    # 132 mod 36 is 24, 36 less 24 is 12: the letter C.
    assert check_character("22AAAAA0000A1Z") == "C"
    assert not is_gstin("22AAAAA0000A1Z5")  # a sample number in wide use, which is nobody's


@pytest.mark.parametrize("position", range(15))
def test_one_changed_character_is_noticed(position: int) -> None:
    good = "27AAPFU0939F1ZV"
    for letter in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        if letter != good[position]:
            assert not is_gstin(good[:position] + letter + good[position + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", "27AAPFU0939F1Z", "27AAPFU0939F1ZVV", "27aapfu0939f1zv", " 27AAPFU0939F1ZV", "27AAPFU0939F1ZV\n"],
)
def test_the_shape_is_exact(text: str) -> None:
    assert not is_gstin(text)


def test_a_state_that_does_not_exist_is_refused_even_with_its_check_character() -> None:
    for state in ("00", "39", "96", "98"):
        first_14 = f"{state}AAPFU0939F1Z"
        assert not is_gstin(first_14 + check_character(first_14))


def test_digits_of_other_scripts_are_no_digits() -> None:
    assert not is_gstin("२७AAPFU0939F1ZV")
