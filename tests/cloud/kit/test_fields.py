"""Bodies checked field by field: every wrong field in one answer, and only JSON objects at all."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from cloud.errors import BadRequest, InvalidFields
from cloud.kit.fields import decode_fields


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: Annotated[int, Meta(ge=1, le=10)]
    name: str
    note: str | UnsetType = UNSET


def test_a_whole_body_is_decoded_and_what_is_absent_stays_absent() -> None:
    assert decode_fields(b'{"amount": 3, "name": "x"}', Wish) == Wish(amount=3, name="x")
    assert decode_fields(b'{"amount": 3, "name": "x"}', Wish).note is UNSET


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(InvalidFields) as refused:
        decode_fields(b'{"amount": 11, "note": 7, "other": null}', Wish)

    assert {name: len(why) for name, why in refused.value.details.items()} == {
        "amount": 1,
        "name": 1,
        "note": 1,
        "other": 1,
    }
    assert refused.value.details["name"] == ["Required"]
    assert refused.value.details["other"] == ["Unknown field"]


@pytest.mark.parametrize("sent", [b'"3"', b"3.0", b"true", b"null", b"1e400", b"[3]"])
def test_a_whole_number_is_written_as_one(sent: bytes) -> None:
    with pytest.raises(InvalidFields) as refused:
        decode_fields(b'{"name": "x", "amount": ' + sent + b"}", Wish)
    assert set(refused.value.details) == {"amount"}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_body_a_bad_request_or_name_their_fields(body: bytes) -> None:
    try:
        decode_fields(body, Wish)
    except (BadRequest, InvalidFields):
        return
