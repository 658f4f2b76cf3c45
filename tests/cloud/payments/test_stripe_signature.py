import pytest

from cloud.payments.errors import NoticeRefused
from cloud.payments.stripe_signature import check_signature
from tests.cloud.payments.stripe_server import signed

BODY = b'{"id": "evt_1"}'
NOW = 1_767_225_600
GOOD = signed(BODY, at_s=NOW)
# By `openssl dgst -sha256 -hmac whsec_stand_in` over the time, a dot and the body.
BY_OPENSSL = "8bfbf609c4ac971c756a8faa2449b70b74333922fb3c57ff653dea5516426258"


def check(header: str, body: bytes = BODY, now_s: float = NOW) -> None:
    check_signature(header, body, secret="whsec_stand_in", now_s=now_s)


def test_stripes_own_signature_is_taken() -> None:
    check(GOOD)
    check(f"t={NOW},v1={BY_OPENSSL}")


@pytest.mark.parametrize("late_s", [-300, 300])
def test_five_minutes_either_way_are_tolerated(late_s: int) -> None:
    check(GOOD, now_s=NOW + late_s)


@pytest.mark.parametrize("late_s", [-301, 301, 10**6])
def test_an_old_or_future_one_is_refused(late_s: int) -> None:
    with pytest.raises(NoticeRefused, match="300 s"):
        check(GOOD, now_s=NOW + late_s)


def test_while_a_secret_is_rolled_one_of_two_signatures_is_enough() -> None:
    check(GOOD.replace(",v1=", f",v1={'0' * 64},v1="))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        f"t={NOW}",
        GOOD.replace("v1=", "v0="),
        GOOD.replace(f"t={NOW}", f"t={NOW + 1}"),
        GOOD.replace(f"t={NOW},", ""),
        GOOD + f",t={NOW}",
        GOOD.replace(f"t={NOW}", "t=-1"),
        GOOD.replace(f"t={NOW}", "t=" + "9" * 400),
        GOOD.replace(f"t={NOW}", "t=\u0661"),
        GOOD.replace("v1=", "v1=\u00e9"),
        signed(BODY, at_s=NOW, secret="whsec_other"),
        GOOD.upper(),
    ],
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(NoticeRefused):
        check(header)


def test_one_changed_byte_is_noticed() -> None:
    with pytest.raises(NoticeRefused, match="none of ours"):
        check(GOOD, BODY.replace(b"1", b"2"))
