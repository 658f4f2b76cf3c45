"""Identifiers."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import ManualClock
from shared.ids import NAME_PATTERN, Name, is_name, new_id


def test_an_id_is_its_prefix_and_26_characters_of_crockford_base_32():
    prefix, _, text = new_id("acct", ManualClock()).partition("_")

    assert prefix == "acct"
    assert len(text) == 26
    assert not set(text) - set("0123456789abcdefghjkmnpqrstvwxyz")


def test_the_first_ten_characters_are_the_time():
    # 2026-01-01T00:00:00Z is 1767225600000 ms; in base 32, most significant first, ten digits.
    assert new_id("x", ManualClock())[2:12] == "01kdvdna00"


def test_later_ids_sort_later():
    clock, ids = ManualClock(), []
    for _ in range(50):
        ids.append(new_id("x", clock))
        clock.advance(0.001)

    assert ids == sorted(ids)


def test_ids_of_one_millisecond_differ():
    clock = ManualClock()

    assert len({new_id("x", clock) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("text", ["a", "NODE_A", "rpi-4b-prod-01", "a.b", "0" * 64])
def test_a_name(text):
    assert is_name(text)


@pytest.mark.parametrize(
    "text", ["", "0" * 65, "-a", ".a", "_a", "a/b", "a b", "a+", "#", "ä", "a\n", "a\x00"]
)
def test_no_name(text):
    assert not is_name(text)


@given(st.one_of(st.from_regex(NAME_PATTERN), st.text(alphabet="a.-_/+# \n", max_size=4)))
def test_a_name_is_safe_in_a_topic_and_a_path(text):
    if is_name(text):
        assert not set(text) & set("/+#$?&%\\ \n\t")
        assert text not in {".", ".."}


@pytest.mark.parametrize("text", ["pi-1\n", "\npi-1", "pi-1\n\n"])
def test_a_name_on_the_wire_ends_where_it_ends(text):
    """Python's `$` would let a last line break pass."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Name)
