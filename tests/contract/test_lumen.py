"""Every row of LUMEN in `endpoints.tsv`, as its document shows it.

A row without an example fails unless it is named in `LATER`; its example moves it out of there.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from lumen_e2ee import DeviceKeys

from .conftest import TWILIO_TOKEN, matches
from .table import Example, Row, name_of, rows

ROWS = [row for row in rows() if row.source == "lumen"]
PASSWORD = "correct horse battery"

LATER: set[tuple[str, str]] = set()
"""Not held to the document yet."""


def pdf(*lines: str) -> bytes:
    """A receipt as a PDF with text, by hand (ISO 32000)."""
    text = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 12 Tf 16 TL 40 760 Td {text} ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    made, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj%sendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(made)
    made += b"xref\n0 6\n0000000000 65535 f \n" + table
    return made + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


class World:
    """Ana with a year of groceries, one of which is far too large."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.anyone = httpx.Client(base_url=base_url, timeout=60)
        self.ana = httpx.Client(base_url=base_url, timeout=60)
        self.email = f"ana.{secrets.token_hex(4)}@example.com"
        self.sign_in(self.ana, self.register(self.email))
        self.ana.patch("/api/v1/users/me/consent", json={"consent_gmail_ingest": True}).raise_for_status()
        for day in range(1, 11):
            self.spend(400 + day, f"2024-01-{day:02}")
        self.flagged = self.spend(15_000, "2024-01-19")["id"]

    def register(self, email: str) -> httpx.Response:
        body = {
            "email": email,
            "password": PASSWORD,
            "name": "John Doe",
            "user_type": "consumer",
            "phone": "+919876543210",
        }
        return self.anyone.post("/api/v1/auth/register", json=body)

    def sign_in(self, client: httpx.Client, answer: httpx.Response) -> None:
        token = answer.raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

    def spend(self, amount: float, date: str) -> dict[str, Any]:
        body = {
            "amount": amount,
            "date": date,
            "merchant_name_raw": "Big Bazaar",
            "invoice_no": f"INV-{date}",
            "category": "Groceries",
            "payment_channel": "UPI",
        }
        made: dict[str, Any] = self.ana.post("/api/v1/transactions", json=body).raise_for_status().json()
        return made

    def log_out(self) -> httpx.Response:
        """Somebody else, since it ends every sign-in."""
        other = httpx.Client(base_url=self.base_url, timeout=60)
        self.sign_in(other, self.register(f"bye.{secrets.token_hex(4)}@example.com"))
        return other.post("/api/v1/auth/logout")

    def register_device(self) -> httpx.Response:
        """Somebody else's, for what Ana sends is to stay readable."""
        other = httpx.Client(base_url=self.base_url, timeout=60)
        self.sign_in(other, self.register(f"seal.{secrets.token_hex(4)}@example.com"))
        body = {
            "device_id": "device-uuid-1234",
            "public_key": DeviceKeys.generate().public_key,
            "device_name": "Chrome on Windows",
            "device_type": "web",
        }
        return other.post("/api/v1/users/me/devices", json=body)

    def upload(self) -> httpx.Response:
        receipt = pdf("TAJ RESTAURANT", "Date: 19/01/2024", "Thali 2450.00", "TOTAL Rs. 2450.00")
        return self.ana.post(
            "/api/v1/ingest/upload",
            files={"file": ("receipt.pdf", receipt, "application/pdf")},
            data={"source_type": "Upload", "metadata": '{"note": "Dinner receipt"}'},
        )

    def whatsapp(self) -> dict[str, str]:
        path = "/api/v1/ingest/whatsapp"
        fields = {"From": "whatsapp:+14155550123", "Body": "help", "MessageSid": "SM1", "NumMedia": "0"}
        text = self.base_url + path + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.new(TWILIO_TOKEN.encode(), text.encode(), hashlib.sha1).digest()
        answer = self.anyone.post(
            path,
            content=urlencode(fields),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": base64.b64encode(digest).decode(),
            },
        )
        assert answer.status_code == 200, answer.text
        return {"media_type": answer.headers["content-type"], "text": answer.text}

    def history(self) -> httpx.Response:
        said = self.ana.post("/api/v1/chat/message", json={"message": "Hello, my name is Siddharth"})
        return self.ana.get(f"/api/v1/chat/session/{said.raise_for_status().json()['session_id']}/history")

    def page(self, path: str) -> dict[str, str]:
        answer = self.anyone.get(path).raise_for_status()
        return {"media_type": answer.headers["content-type"].partition(";")[0], "text": answer.text}


@pytest.fixture(scope="module")
def world(base_url: str) -> World:
    return World(base_url)


SESSION = {"access_token": str, "token_type": str, "user_id": int, "user_type": str}
PROFILE = {
    "id": int,
    "email": str,
    "name": str,
    "phone": str,
    "timezone": str,
    "locale": str,
    "currency": str,
    "budget_preferences": dict,
    "personal_category_set": [str],
    "consent_gmail_ingest": bool,
    "consent_whatsapp_ingest": bool,
    "consent_upi_ingest": bool,
    "consent_sms_ingest": bool,
    "is_active": bool,
    "created_at": str,
    "last_active": str,
}
TRANSACTION = {
    "id": int,
    "amount": float,
    "currency": str,
    "date": str,
    "merchant_name_raw": str,
    "invoice_no": (str, None),
    "payment_channel": (str, None),
    "source_type": str,
    "category": str,
    "ocr_confidence": (float, None),
    "classification_confidence": float,
    "flagged": bool,
    "anomaly_score": (float, None),
    "anomaly_reason": (str, None),
    "confirmed": (bool, None),
    "created_at": str,
    "updated_at": str,
}

EXAMPLES = {
    ("POST", "/api/v1/auth/register"): Example(
        lambda w: w.register(f"new.{secrets.token_hex(4)}@example.com"), 201, SESSION
    ),
    ("POST", "/api/v1/auth/login"): Example(
        lambda w: w.anyone.post(
            "/api/v1/auth/login",
            json={"email": w.email, "password": PASSWORD, "user_type": "consumer"},
        ),
        200,
        SESSION,
    ),
    ("POST", "/api/v1/auth/logout"): Example(lambda w: w.log_out(), 200, {"message": str}),
    ("GET", "/api/v1/users/me"): Example(lambda w: w.ana.get("/api/v1/users/me"), 200, PROFILE),
    ("PATCH", "/api/v1/users/me"): Example(
        lambda w: w.ana.patch(
            "/api/v1/users/me",
            json={
                "name": "John Updated",
                "phone": "+919876543211",
                "personal_category_set": ["Groceries", "Food", "Transport", "Health"],
            },
        ),
        200,
        PROFILE,
    ),
    ("PATCH", "/api/v1/users/me/consent"): Example(
        lambda w: w.ana.patch(
            "/api/v1/users/me/consent",
            json={
                "consent_gmail_ingest": True,
                "consent_whatsapp_ingest": False,
                "consent_upi_ingest": True,
                "consent_sms_ingest": True,
            },
        ),
        200,
        PROFILE,
    ),
    ("POST", "/api/v1/users/me/devices"): Example(
        lambda w: w.register_device(),
        201,
        {"device_id": str, "device_name": str, "device_type": str, "status": str, "public_key": str},
    ),
    ("GET", "/api/v1/transactions"): Example(
        lambda w: w.ana.get("/api/v1/transactions", params={"flagged_only": True, "limit": 50, "offset": 0}),
        200,
        {"transactions": [TRANSACTION], "total": int, "limit": int, "offset": int},
    ),
    ("GET", "/api/v1/transactions/stats"): Example(
        lambda w: w.ana.get("/api/v1/transactions/stats", params={"start_date": "2024-01-01T00:00:00Z"}),
        200,
        {
            "total_transactions": int,
            "total_amount": float,
            "avg_amount": float,
            "flagged_count": int,
            "by_category": {"Groceries": float},
            "by_payment_channel": {"UPI": int},
            "by_source_type": {"Manual": int},
        },
    ),
    ("GET", "/api/v1/transactions/{transaction_id}"): Example(
        lambda w: w.ana.get(f"/api/v1/transactions/{w.flagged}"), 200, TRANSACTION
    ),
    ("POST", "/api/v1/transactions/{transaction_id}/confirm"): Example(
        lambda w: w.ana.post(
            f"/api/v1/transactions/{w.spend(431, '2024-01-12')['id']}/confirm",
            json={
                "confirmed": True,
                "corrected_category": "Food & Dining",
                "notes": "This was a legitimate purchase",
            },
        ),
        200,
        {"transaction_id": int, "confirmed": bool, "message": str},
    ),
    ("POST", "/api/v1/ingest/upload"): Example(
        lambda w: w.upload(),
        201,
        {
            "source_id": int,
            "transaction_id": int,
            "status": str,
            "ocr_confidence": float,
            "parsed_data": {"amount": float, "merchant_name": str, "date": str, "category": str},
            "flagged": bool,
            "message": str,
        },
    ),
    ("GET", "/api/v1/ingest/gmail/status"): Example(
        lambda w: w.ana.get("/api/v1/ingest/gmail/status"),
        200,
        {
            "connected": bool,
            "last_sync": (str, None),
            "emails_processed": int,
            "transactions_extracted": int,
        },
    ),
    ("POST", "/api/v1/ingest/gmail/connect"): Example(
        lambda w: w.ana.post("/api/v1/ingest/gmail/connect"), 200, {"auth_url": str, "message": str}
    ),
    ("POST", "/api/v1/ingest/whatsapp"): Example(
        lambda w: w.whatsapp(), 200, {"media_type": str, "text": str}
    ),
    ("GET", "/api/v1/anomalies/flagged"): Example(
        lambda w: w.ana.get("/api/v1/anomalies/flagged"),
        200,
        {
            "flagged_transactions": [
                {
                    "id": int,
                    "amount": float,
                    "merchant": str,
                    "category": str,
                    "date": str,
                    "anomaly_score": float,
                    "anomaly_reason": str,
                    "evidence": {
                        "avg_monthly_spend_in_category": float,
                        "std_deviation": float,
                        "z_score": float,
                        "isolation_forest_score": (float, None),
                        "similar_transactions": [int],
                    },
                    "requires_action": bool,
                }
            ],
            "total": int,
            "pending_review": int,
        },
    ),
    ("GET", "/api/v1/anomalies/{transaction_id}/explain"): Example(
        lambda w: w.ana.get(f"/api/v1/anomalies/{w.flagged}/explain"),
        200,
        {"transaction_id": int, "explanation": str, "recommendations": [str]},
    ),
    ("POST", "/api/v1/chat/session"): Example(
        lambda w: w.ana.post(
            "/api/v1/chat/session", json={"session_metadata": {"device": "web", "locale": "en"}}
        ),
        201,
        {"session_id": int, "started_at": str, "is_active": bool},
    ),
    ("POST", "/api/v1/chat/message"): Example(
        lambda w: w.ana.post(
            "/api/v1/chat/message", json={"message": "How much did I spend on groceries in January 2024?"}
        ),
        200,
        {
            "session_id": int,
            "message_id": int,
            "response": str,
            "intent": str,
            "provenance": {"transaction_ids": [int], "confidence": float},
            "retrieved_docs": [
                {
                    "id": int,
                    "amount": float,
                    "merchant": str,
                    "category": str,
                    "date": str,
                    "relevance_score": float,
                }
            ],
            "timestamp": str,
        },
    ),
    ("POST", "/api/v1/chat/exact-lookup"): Example(
        lambda w: w.ana.post(
            "/api/v1/chat/exact-lookup",
            json={
                "merchant_name": "Bazaar",
                "amount": 15_000.00,
                "amount_tolerance": 0.02,
                "date": "2024-01-19T00:00:00Z",
                "date_tolerance_days": 1,
            },
        ),
        200,
        {
            "found": bool,
            "matches": [
                {
                    "id": int,
                    "amount": float,
                    "merchant": str,
                    "category": str,
                    "date": str,
                    "payment_channel": str,
                    "invoice_no": str,
                    "exact_match": bool,
                }
            ],
            "count": int,
        },
    ),
    ("GET", "/api/v1/chat/session/{session_id}/history"): Example(
        lambda w: w.history(),
        200,
        {"session_id": int, "messages": [{"role": str, "content": str, "created_at": str}]},
    ),
    ("POST", "/api/v1/chat/memory"): Example(
        lambda w: w.ana.post(
            "/api/v1/chat/memory",
            json={
                "key": "preferred_name",
                "value": "Siddharth",
                "source": "user",
                "visibility": "persistent",
            },
        ),
        201,
        {"memory_id": int, "key": str, "value": str, "created_at": str},
    ),
    ("PAGE", "/api/docs"): Example(lambda w: w.page("/api/docs"), 200, {"text": str}),
    ("PAGE", "/api/redoc"): Example(lambda w: w.page("/api/redoc"), 200, {"text": str}),
    ("PAGE", "/docs/LUMEN_API.postman_collection.json"): Example(
        lambda w: w.anyone.get("/docs/LUMEN_API.postman_collection.json"),
        200,
        {"info": {"name": str}, "item": list},
    ),
    ("GET", "/health"): Example(lambda w: w.anyone.get("/health"), 200, {"status": str}),
}


@pytest.mark.parametrize("row", [row for row in ROWS if (row.method, row.path) in EXAMPLES], ids=name_of)
def test_a_documented_call_is_answered_as_documented(row: Row, world: World) -> None:
    example = EXAMPLES[row.method, row.path]

    answer = example.call(world)

    if isinstance(answer, httpx.Response):
        assert answer.status_code == example.status, answer.text
        answer = answer.json()
    assert matches(answer, example.shape), answer


def test_every_row_has_its_example_or_is_named_as_missing() -> None:
    assert set(EXAMPLES) | LATER == {(row.method, row.path) for row in ROWS}
    assert set(EXAMPLES).isdisjoint(LATER)
    assert len(ROWS) == 26


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.auth == "bearer" and (row.method, row.path) not in LATER],
    ids=name_of,
)
def test_a_call_that_needs_a_person_is_refused_to_a_stranger(row: Row, world: World) -> None:
    path = row.path.replace("{transaction_id}", "1").replace("{session_id}", "1")

    answer = world.anyone.request(row.method, path, json={})

    assert answer.status_code == 401, answer.text
    assert set(answer.json()) == {"error", "message", "timestamp"}
    assert answer.json()["error"] == "Unauthorized"


def test_a_wrong_form_is_told_field_by_field(world: World) -> None:
    body = {"email": "invalid", "password": "short", "name": "John", "user_type": "consumer"}
    answer = world.anyone.post("/api/v1/auth/register", json=body)

    assert answer.status_code == 422
    assert answer.json()["error"] == "Validation Error"
    assert answer.json()["message"] == "Invalid input data"
    assert answer.json()["details"] == {
        "email": ["Invalid email format"],
        "password": ["Password must be at least 8 characters"],
    }
