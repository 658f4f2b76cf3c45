"""Mails: receipts by their total, bank alerts by their verbs, all else refused; bombs in bounded work."""

from datetime import datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.finance.messages import mime
from cloud.finance.messages.html_text import text_of
from cloud.finance.messages.mail import read_mail
from cloud.finance.messages.mime import ATTACHMENTS_MAX, MAIL_BYTES_MAX, TEXT_CHARACTERS_MAX, Mail, parse_mail
from cloud.finance.reading import Channel, Direction, Reading, Refusal, Refused
from shared.clock import from_micros, to_micros

KOLKATA = ZoneInfo("Asia/Kolkata")
RECEIVED = datetime(2026, 1, 15, 20, 30, tzinfo=KOLKATA)


def mail(
    subject: str, text: str = "", *, sender: str = "Shop <orders@shop.example>", html: str | None = None
) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["Subject"] = subject
    message["Date"] = "Thu, 15 Jan 2026 20:29:00 +0530"
    if text:
        message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html") if text else message.set_content(html, subtype="html")
    return message.as_bytes()


def read(raw: bytes, *, currency: str = "INR") -> Reading | Refused:
    found = parse_mail(raw)
    assert isinstance(found, Mail), found
    return read_mail(found, received_at_us=to_micros(RECEIVED), zone=KOLKATA, currency=currency)


RECEIPTS = [
    (
        "Your Amazon.in order of Kettle is confirmed",
        '"Amazon.in" <auto-confirm@amazon.in>',
        (
            "Hello,\nThank you for your order.\nOrder #402-1234567-7654321\nItem Subtotal: ₹1,199.00\n"
            "Shipping: ₹40.00\nOrder Total: ₹1,239.00\nPayment method: Visa ending 1234"
        ),
        (123_900, "INR", "Amazon", "402-1234567-7654321", Channel.CARD),
    ),
    (
        "Your Thursday evening trip with Uber",
        "Uber Receipts <noreply@uber.com>",
        "Thanks for riding, Sid\nTotal\n₹284.50\nTrip fare ₹250.00\nTaxes ₹34.50\nPayments\nUPI ₹284.50",
        (28_450, "INR", "Uber", None, Channel.UPI),
    ),
    (
        "Your Swiggy order was successful",
        "Swiggy <noreply@swiggy.in>",
        (
            "Order No: 178345670912\nItem Total: ₹ 420.00\nDelivery fee: ₹ 35.00\nDiscount: ₹ 50.00\n"
            "Paid Via Wallet: ₹ 405.00\nOrder Total: ₹ 405.00"
        ),
        (40_500, "INR", "Swiggy", "178345670912", Channel.WALLET),
    ),
    (
        "Payment confirmation",
        "Netflix <info@mailer.netflix.com>",
        "Your membership was renewed.\nInvoice # 7F3A-99201\nAmount charged: $15.49\nCard: Mastercard 4321",
        (1549, "USD", "Netflix", "7F3A-99201", Channel.CARD),
    ),
    (
        "Bill paid: BESCOM electricity",
        "BESCOM <billing@bescom.co.in>",
        "We thank you for your payment.\nAmount paid Rs. 2,345.00\nReceipt no 88210034\nBy Net Banking",
        (234_500, "INR", "BESCOM", "88210034", Channel.BANK_TRANSFER),
    ),
    (
        "Your itinerary: booking confirmed (PNR K9XZ2L)",
        "IndiGo <reservations@customer.goindigo.in>",
        (
            "Booking reference: K9XZ2L\nTravel date: 12 Mar 2026\nAirfare ₹4,800.00\nService fee ₹350.00\n"
            "Total Fare ₹5,150.00\n"
        ),
        (515_000, "INR", "IndiGo", "K9XZ2L", None),
    ),
    (
        "Receipt for your payment to Blue Tokai",
        "PayPal <service@paypal.com>",
        "You paid £12.40 GBP to Blue Tokai\nTransaction ID: 9AB12345CD678901E",
        (1240, "GBP", "Blue Tokai", "9AB12345CD678901E", Channel.WALLET),
    ),
]


@pytest.mark.parametrize(
    "subject, sender, text, wanted", RECEIPTS, ids=[case[1].split("<")[0] for case in RECEIPTS]
)
@pytest.mark.parametrize("form", ["plain", "html"])
def test_a_receipt_is_read_by_its_total(
    subject: str, sender: str, text: str, wanted: tuple, form: str
) -> None:
    rows = "".join(f"<tr><td>{line}</td></tr>" for line in text.split("\n"))
    html = f"<html><head><style>td{{color:red}}</style></head><body><table>{rows}</table></body></html>"

    found = read(
        mail(subject, text, sender=sender) if form == "plain" else mail(subject, sender=sender, html=html)
    )

    assert isinstance(found, Reading), found
    assert found.direction.value is Direction.DEBIT
    assert (
        found.amount_minor.value,
        found.currency.value,
        found.merchant.value,
        found.invoice_no.value if found.invoice_no else None,
        found.channel.value if found.channel else None,
    ) == wanted


def test_a_refund_is_income() -> None:
    found = read(mail("Refund for your order 402-11", "Your refund is complete.\nRefund total: ₹499.00"))

    assert isinstance(found, Reading)
    assert (found.direction.value, found.amount_minor.value) == (Direction.CREDIT, 49_900)


def test_a_bank_s_mail_is_read_like_its_message() -> None:
    found = read(
        mail(
            "You have done a UPI txn. Check details!",
            "Dear Sir,\nRs.120.00 has been debited from account **1234 to VPA cafe@ybl AROMA on 14-01-26.\n"
            "Your UPI transaction reference number is 600112345678.\nIf you did not, call 1800258.",
            sender="HDFC Bank InstaAlerts <alerts@hdfcbank.net>",
        )
    )

    assert isinstance(found, Reading)
    assert (found.amount_minor.value, found.direction.value, found.channel.value) == (
        12_000,
        Direction.DEBIT,
        Channel.UPI,
    )
    assert found.account.value == "1234"
    assert from_micros(found.at_us.value).astimezone(KOLKATA).date().isoformat() == "2026-01-14"


@pytest.mark.parametrize(
    "subject, text, reason",
    [
        ("123456 is your OTP", "Use it to pay Rs 500", Refusal.OTP),
        ("Payment failed", "We could not charge Rs 500", Refusal.DECLINED),
        ("Your order has shipped", "Order Total: ₹500", Refusal.DELIVERY),
        ("Your electricity bill is ready", "Amount due: Rs 900", Refusal.BILL),
        ("Your subscription will renew soon", "Amount: $9.99", Refusal.SCHEDULED),
        ("50% off this weekend", "Order now, pay only Rs 99", Refusal.OFFER),
        ("Ravi requests money", "Amount: Rs 300", Refusal.REQUEST),
        ("Quotation 17", "Total: Rs 90,000", Refusal.NO_MOVEMENT),
        ("Order confirmed", "Order total: ₹700\nPayment: Cash on delivery", Refusal.SCHEDULED),
        ("Invoice 5", "Total: Rs 900\nDue date: 1 Feb 2026. Please pay by then", Refusal.BILL),
        ("Hello", "How are you?", Refusal.NO_AMOUNT),
        ("Lunch", "It was about Rs 300, wasn't it", Refusal.NO_MOVEMENT),
        ("Your orders", "Order #A-111\nOrder Total: ₹100\nOrder #A-222\nOrder Total: ₹200", Refusal.UNCLEAR),
        (
            "Alert: debit on your account",
            "Rs 49,999 debited from your account XX1234. Click http://sbi-secure.xyz immediately to cancel",
            Refusal.PHISHING,
        ),
    ],
)
def test_what_is_no_receipt_is_refused_with_its_reason(subject: str, text: str, reason: Refusal) -> None:
    found = read(mail(subject, text))

    assert isinstance(found, Refused)
    assert found.reason is reason


def test_a_mail_that_its_domain_did_not_send_is_never_booked() -> None:
    raw = b"Authentication-Results: mx.example; spf=pass; dmarc=fail header.from=amazon.in\n" + mail(
        "Order confirmed", "Order Total: ₹500"
    )

    found = read(raw)

    assert isinstance(found, Refused)
    assert found.reason is Refusal.PHISHING


def test_a_mail_is_taken_apart() -> None:
    message = EmailMessage()
    message["From"] = "=?utf-8?b?Q2Fmw6k=?= <Bills@Cafe.example>"
    message["Subject"] = "=?utf-8?b?UmVjaGnhu5k=?="
    message["Date"] = "Thu, 15 Jan 2026 20:29:00 +0530"
    message.set_content("see the file")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="receipt.pdf")

    found = parse_mail(message.as_bytes())

    assert isinstance(found, Mail)
    assert (found.sender_name, found.sender_address, found.text) == (
        "Café",
        "bills@cafe.example",
        "see the file",
    )
    assert found.sent_at_us == to_micros(datetime(2026, 1, 15, 20, 29, tzinfo=KOLKATA))
    assert [(file.name, file.content_type, file.data) for file in found.attachments] == [
        ("receipt.pdf", "application/pdf", b"%PDF-1.4")
    ]


@pytest.mark.parametrize("written", ["+99999999999999", "+9999", "soon", "99999999999999999999:00"])
def test_a_date_that_no_clock_shows_is_none(written: str) -> None:
    found = parse_mail(f"Subject: a\r\nDate: Mon, 1 Jan 2024 10:00:00 {written}\r\n\r\nb\r\n".encode())

    assert isinstance(found, Mail)
    assert found.sent_at_us in {None, 1_704_103_200_000_000}  # an offset of no clock is none, the time is GMT


@pytest.mark.parametrize(
    "source, text",
    [
        ("<p>a</p><p>b</p>", "a\nb"),
        ("<td>Total</td><td>&#8377;5 &amp; up</td>", "Total    ₹5 & up"),
        ("<script>x<y</script>a<!-- <b> -->b", "ab"),
        ("5 < 6 and <b>7", "5 < 6 and 7"),
        ("a<style>never closed", "a"),
        ("a<!-- never closed", "a"),
    ],
)
def test_html_to_words(source: str, text: str) -> None:
    assert text_of(source) == text


def with_attachments(count: int) -> bytes:
    part = b'--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename="a.pdf"\n\nx\n'
    return b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n" + part * count + b"--b--\n"


BOMBS = {
    "10 MB of text": b"Subject: x\n\n" + b"Total Rs 5 " * 1_000_000,
    "1,000 attachments": with_attachments(1000),
    "one attachment too many": with_attachments(ATTACHMENTS_MAX + 1),
    "text beyond the limit": b"Subject: x\n\n" + b"x" * (TEXT_CHARACTERS_MAX + 1),
    "more bytes than a provider delivers": b"Subject: x\n\n" + bytes(MAIL_BYTES_MAX),
    "a header of a million semicolons": b'Content-Type: text/plain; a="' + b";" * 1_000_000 + b'"\n\nx',
    "a folded header": b"Content-Disposition: a\r\n" + b" ;\r\n" * 100_000 + b"\r\nx",
    "nested thirty deep": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(30)
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str) -> None:
    found = parse_mail(BOMBS[name])

    assert isinstance(found, Refused)
    assert found.reason is Refusal.TOO_LARGE


@pytest.mark.parametrize(
    "name", ["1,000 attachments", "nested thirty deep", "a header of a million semicolons"]
)
def test_what_is_nested_or_many_is_refused_before_it_is_parsed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mime, "message_from_bytes", lambda _: pytest.fail("parsed"))

    assert isinstance(parse_mail(BOMBS[name]), Refused)


@pytest.mark.parametrize("raw", [b"", b"\0\0\0", b"no header at all"])
def test_what_is_no_mail_is_refused(raw: bytes) -> None:
    found = parse_mail(raw)

    assert isinstance(found, Refused)
    assert found.reason is Refusal.MALFORMED


@settings(max_examples=60)
@given(st.text(alphabet="<>!-/ abpstyle=\"'&;#1\n", max_size=200))
def test_no_html_crashes(source: str) -> None:
    text_of(source)


@settings(max_examples=60)
@given(
    st.text(max_size=60),
    st.text(alphabet="Total Paid:₹$1234.,\n-Order#DueOTP", max_size=200),
    st.sampled_from(["", "=?utf-8?b?!!!?=", "=?x-unknown?q?=ff?=", "a@b", "<>"]),
)
def test_no_mail_crashes(subject: str, text: str, sender: str) -> None:
    raw = f"From: {sender}\nSubject: {' '.join(subject.split())}\nDate: {sender}\n\n{text}".encode()
    found = parse_mail(raw)
    if isinstance(found, Mail):
        read_mail(found, received_at_us=to_micros(RECEIVED), zone=KOLKATA, currency="INR")
