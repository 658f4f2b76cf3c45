"""A delivery is believed when it is signed with the secret, and lately."""

import hashlib
import hmac

import pytest

from terra_lumina import UnexpectedAnswerError, Webhook, WebhookVerificationError, verify_webhook

# The vector of the Standard Webhooks specification's libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT_S = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

BODY = (
    b'{"id": "evt_abc123", "type": "investment.completed", "created_at": "2025-11-15T14:30:00Z",'
    b' "data": {"amount": 500.00}}'
)


def headers(body: bytes, secret: str = SECRET, sent_at_s: int = SENT_AT_S, id_: str = ID) -> dict[str, str]:
    """By openssl's words: HMAC-SHA256 of id.time.body with the decoded secret."""
    from base64 import b64decode, b64encode

    mac = hmac.new(b64decode(secret[6:]), f"{id_}.{sent_at_s}.".encode() + body, hashlib.sha256)
    return {
        "Webhook-Id": id_,
        "Webhook-Timestamp": str(sent_at_s),
        "Webhook-Signature": "v1," + b64encode(mac.digest()).decode(),
    }


def webhook(*secrets: str, now_s: float = SENT_AT_S) -> Webhook:
    return Webhook(*(secrets or (SECRET,)), now_s=lambda: now_s)


def test_the_specification_s_own_vector_is_signed() -> None:
    sent = {"webhook-id": ID, "webhook-timestamp": str(SENT_AT_S), "webhook-signature": VECTOR}

    with pytest.raises(UnexpectedAnswerError):  # signed, and no event of ours
        webhook().verify(VECTOR_BODY, sent)
    with pytest.raises(WebhookVerificationError):
        webhook().verify(VECTOR_BODY + b" ", sent)


@pytest.mark.parametrize("body", [BODY, BODY.decode()])
def test_a_signed_delivery_is_its_event(body: str | bytes) -> None:
    event = webhook().verify(body, headers(BODY))

    assert (event.id, event.type, event.data) == ("evt_abc123", "investment.completed", {"amount": 500})


@pytest.mark.parametrize("off_s", [-300, 300])
def test_within_five_minutes_it_is_from_now(off_s: int) -> None:
    assert webhook(now_s=SENT_AT_S + off_s).verify(BODY, headers(BODY))


@pytest.mark.parametrize("off_s", [-301, 301])
def test_an_old_delivery_is_not_believed_again(off_s: int) -> None:
    with pytest.raises(WebhookVerificationError, match="timestamp"):
        webhook(now_s=SENT_AT_S + off_s).verify(BODY, headers(BODY))


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "another"},
        {"Webhook-Timestamp": str(SENT_AT_S + 1)},
        {"Webhook-Timestamp": "now"},
        {"Webhook-Timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"Webhook-Timestamp": "1" * 5_000},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": VECTOR},
        {"Webhook-Signature": "v1a," + headers(BODY)["Webhook-Signature"][3:]},
        {"Webhook-Signature": headers(BODY)["Webhook-Signature"][3:]},
        {"Webhook-Signature": "v1,é"},
    ],
)
def test_a_changed_header_is_seen(change: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        webhook().verify(BODY, headers(BODY) | change)


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_a_missing_header_is_seen(name: str) -> None:
    sent = headers(BODY)
    del sent[name]

    with pytest.raises(WebhookVerificationError):
        webhook().verify(BODY, sent)


def test_during_a_rotation_either_secret_will_do() -> None:
    new = "whsec_" + "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcg"
    both = headers(BODY, new)["Webhook-Signature"] + " " + headers(BODY)["Webhook-Signature"]

    assert webhook(new, SECRET).verify(BODY, headers(BODY))
    assert webhook(SECRET).verify(BODY, headers(BODY) | {"Webhook-Signature": both})
    with pytest.raises(WebhookVerificationError):
        webhook(new).verify(BODY, headers(BODY))


@pytest.mark.parametrize("secrets", [(), ("whsec_not base64!",), ("",), ("whsec_",), (SECRET, "")])
def test_a_secret_is_as_the_portal_shows_it(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Webhook(*secrets)


def test_the_document_s_own_header_takes_no_empty_secret_either() -> None:
    with pytest.raises(ValueError, match="secret"):
        verify_webhook(BODY, hmac.new(b"", BODY, hashlib.sha256).hexdigest(), "")


def test_the_document_s_own_header() -> None:
    signature = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()

    assert verify_webhook(BODY.decode(), signature, SECRET)
    assert verify_webhook(BODY, signature, SECRET)
    assert not verify_webhook(BODY, signature[:-1] + "x", SECRET)
    assert not verify_webhook(BODY, "é", SECRET)
    assert not verify_webhook(BODY, None, SECRET)  # as `headers.get` says that there was none
    assert not verify_webhook(BODY + b" ", signature, SECRET)
