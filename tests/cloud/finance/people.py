"""People who keep their purchases here, and purchases to be kept."""

import httpx
import pytest
from msgspec import structs

from cloud.app import Parts
from cloud.finance.categories.meaning import Meaning
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import SourceType, Transaction

PASSWORD = "correct horse battery"


async def signed_up(client: httpx.AsyncClient, name: str) -> tuple[int, dict[str, str]]:
    """Their id, and the header that signs them in."""
    body = {"email": f"{name}@example.com", "password": PASSWORD, "name": name, "user_type": "consumer"}
    answer = (await client.post("/api/v1/auth/register", json=body)).raise_for_status().json()
    return answer["user_id"], {"Authorization": f"Bearer {answer['access_token']}"}


PURCHASE = Transaction(
    transaction_id=0,
    person_id=0,
    amount_minor=125_050,
    currency="INR",
    direction=Direction.DEBIT,
    at_us=1_705_588_200_000_000,  # 2024-01-18T14:30:00Z
    time_known=True,
    merchant_id=None,
    merchant_name_raw="Amazon India",
    invoice_no="INV-123456",
    payment_channel=Channel.UPI,
    source_type=SourceType.GMAIL,
    source_id=None,
    category="Groceries",
    ocr_confidence=0.95,
    classification_confidence=0.88,
    flagged=False,
    anomaly_score=None,
    anomaly_reason=None,
    confirmed=None,
    notes=None,
    merged_into=None,
    encrypted_data=None,
    wrapped_deks=None,
    created_at_us=1_705_588_500_000_000,
    updated_at_us=1_705_588_500_000_000,
)


async def keep(parts: Parts, person_id: int, **changes: object) -> Transaction:
    """As the pipeline does."""
    async with parts.store.write() as tx:
        return await parts.services.transactions.add(
            tx, structs.replace(PURCHASE, person_id=person_id, **changes)
        )


@pytest.fixture(autouse=True)
def without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra `finance` is not installed: no forest is grown and no model of words is loaded."""
    monkeypatch.setattr("cloud.finance.anomalies.service.is_installed", lambda: False)
    monkeypatch.setattr(Meaning, "is_installed", False)
