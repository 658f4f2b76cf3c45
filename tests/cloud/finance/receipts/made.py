"""Receipts of eight countries, made with their truth: what is printed is chosen here, not by the rules.

Five shapes a country. A seed draws items, tender, order of the parts and wordings; the truth is what the
till worked with.
"""

# ruff: noqa: E501  a table of wordings reads better wide

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from cloud.finance.reading import Channel
from cloud.finance.receipts.model import Box

SHAPES = 5
Row = tuple[str, str]


class Country(Struct, frozen=True, kw_only=True):
    code: str
    currency: str
    locale: str
    timezone: str
    decimals: int
    figure: Callable[[int], str]
    """Minor units as printed, without a sign."""
    sign: tuple[str, ...]
    days: tuple[str, ...]
    shops: tuple[tuple[str, tuple[str, ...]], ...]
    """The name as printed, one line or two, and the address under it."""
    goods: tuple[str, ...]
    date_words: tuple[str, ...]
    number_words: tuple[str, ...]
    total: tuple[str, ...]
    subtotal: tuple[str, ...]
    tax: tuple[str, ...]
    tax_percent: tuple[int, ...]
    tax_included: bool
    cash: tuple[str, ...]
    change: tuple[str, ...]
    card: tuple[str, ...]
    rounding: str | None = None
    bye: tuple[str, ...]


class Made(Struct, frozen=True, kw_only=True):
    """The printed rows, and what they tell."""

    country: Country
    rows: tuple[Row, ...]
    total_minor: int
    day: date
    merchant: str
    number: str
    channel: Channel


def _two(point: str, group: str) -> Callable[[int], str]:
    def figure(minor: int) -> str:
        whole = f"{abs(minor) // 100:,}".replace(",", group)
        return f"{'-' if minor < 0 else ''}{whole}{point}{abs(minor) % 100:02d}"

    return figure


def _indian(minor: int) -> str:
    whole = str(minor // 100)
    head, tail = whole[:-3], whole[-3:]
    while len(head) > 2:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{head + ',' if head else ''}{tail}.{minor % 100:02d}"


COUNTRIES = (
    Country(
        code="IN", currency="INR", locale="en-IN", timezone="Asia/Kolkata", decimals=2, figure=_indian,
        sign=("", "Rs. ", "₹"), days=("%d/%m/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d/%m/%y", "%d %b %Y"),
        shops=(
            ("SAGAR SWEETS PVT LTD", ("14, MG Road, Indiranagar", "Bengaluru 560038", "GSTIN: 29AABCS1429B1ZB")),
            ("Taj Residency Restaurant", ("Near City Mall, Sector 18", "Noida 201301", "Ph: 0120-4567890")),
            ("SHREE BALAJI MEDICAL STORES", ("Shop 4, Laxmi Nagar", "Pune 411009", "GSTIN 27AAPFU0939F1ZV")),
        ),
        goods=("Masala Dosa", "Paneer Tikka", "Basmati Rice 5kg", "Filter Coffee", "Amul Butter 500g", "Toor Dal"),
        date_words=("Date: ", "Dt: ", "Bill Date : "), number_words=("Bill No: ", "Invoice No. ", "Inv No: "),
        total=("Grand Total", "TOTAL", "Net Amount", "Bill Amount", "Total Payable", "Net Payable"),
        subtotal=("Sub Total", "Taxable Value", "Subtotal"), tax=("CGST", "SGST"), tax_percent=(5, 18),
        tax_included=False, cash=("Cash", "Cash Received"), change=("Change", "Balance Return"),
        card=("UPI", "PhonePe UPI"), rounding="Round Off", bye=("Thank You Visit Again", "E & O.E."),
    ),
    Country(
        code="US", currency="USD", locale="en-US", timezone="America/New_York", decimals=2, figure=_two(".", ","),
        sign=("$", "$", ""), days=("%m/%d/%Y", "%m/%d/%y", "%b %d, %Y", "%m-%d-%Y"),
        shops=(
            ("HARBOR GRILL & TAP LLC", ("220 Commerce Street", "Springfield, OH 45502", "(937) 555-0148")),
            ("Maple Leaf Pharmacy", ("1801 N Main Street", "Dayton, OH 45405")),
            ("BRIGHTON HARDWARE INC", ("77 Elm Avenue", "Albany, NY 12207", "Tel 518-555-0133")),
        ),
        goods=("Cheeseburger", "Iced Tea", "Paint Roller", "Aspirin 100ct", "Caesar Salad", "Wood Screws"),
        date_words=("", "Date: "), number_words=("Receipt #: ", "Check #: ", "Order # "),
        total=("Total", "TOTAL", "Amount Due", "Balance Due", "Total Due"), subtotal=("Subtotal", "Sub Total"),
        tax=("Tax", "Sales Tax"), tax_percent=(7, 8), tax_included=False, cash=("Cash", "CASH TEND"),
        change=("Change", "CHANGE DUE"), card=("Visa ****1234", "MASTERCARD"), bye=("Thank you!", "Please come again"),
    ),
    Country(
        code="GB", currency="GBP", locale="en-GB", timezone="Europe/London", decimals=2, figure=_two(".", ","),
        sign=("£", "£", ""), days=("%d/%m/%Y", "%d/%m/%y", "%d %b %Y", "%d.%m.%y"),
        shops=(
            ("THE CROWN BAKERY LTD", ("12 High Street", "Reading RG1 2AB", "VAT No: 123 4567 89")),
            ("Ashdown Garden Centre", ("Station Road", "Forest Row RH18 5AA", "Tel: 01342 555012")),
        ),
        goods=("Sausage Roll", "Flat White", "Compost 40L", "Cheddar 350g", "Victoria Sponge"),
        date_words=("", "Date: "), number_words=("Receipt No: ", "Trans No: "),
        total=("TOTAL", "Total to pay", "Balance due", "AMOUNT DUE"), subtotal=("Subtotal", "SUB TOTAL"),
        tax=("VAT", "Incl. VAT"), tax_percent=(20,), tax_included=True, cash=("CASH", "Cash Tendered"),
        change=("CHANGE",), card=("VISA DEBIT", "Contactless Mastercard"), bye=("Thank you for shopping",),
    ),
    Country(
        code="DE", currency="EUR", locale="de-DE", timezone="Europe/Berlin", decimals=2, figure=_two(",", "."),
        sign=("", "", "EUR "), days=("%d.%m.%Y", "%d.%m.%y"),
        shops=(
            ("Bäckerei Schmitt GmbH", ("Hauptstraße 12", "97070 Würzburg", "Tel. 0931 555120", "USt-IdNr. DE123456789")),
            ("LINDEN APOTHEKE e.K.", ("Marktplatz 3", "10115 Berlin")),
        ),
        goods=("Vollkornbrot", "Brezel", "Kaffee groß", "Apfelschorle", "Hustensaft"),
        date_words=("Datum: ", ""), number_words=("Beleg-Nr. ", "Rechnung Nr. ", "Bon-Nr: "),
        total=("Gesamtbetrag", "SUMME", "Summe EUR", "Zu zahlen"), subtotal=("Zwischensumme", "Netto"),
        tax=("MwSt 19%", "USt 7%"), tax_percent=(19, 7), tax_included=True, cash=("Bar", "Gegeben"),
        change=("Rückgeld", "Zurück"), card=("EC-Karte", "girocard"), bye=("Vielen Dank",),
    ),
    Country(
        code="FR", currency="EUR", locale="fr-FR", timezone="Europe/Paris", decimals=2, figure=_two(",", " "),
        sign=("", "", "€"), days=("%d/%m/%Y", "%d/%m/%y"),
        shops=(
            ("BOULANGERIE MARTIN SARL", ("8 rue des Lilas", "69003 Lyon", "SIRET 123 456 789 00012")),
            ("Brasserie du Port", ("2 avenue de la Mer", "17000 La Rochelle", "Tel 05 46 55 01 20")),
        ),
        goods=("Baguette", "Croissant", "Menu du jour", "Eau gazeuse", "Tarte aux pommes"),
        date_words=("Date : ", "Le "), number_words=("Facture n° ", "Ticket No "),
        total=("TOTAL TTC", "Net à payer", "Montant TTC", "TOTAL"), subtotal=("Total HT", "Sous-total"),
        tax=("TVA 10%", "TVA 5,5%"), tax_percent=(10,), tax_included=True, cash=("Espèces",),
        change=("Rendu", "Monnaie rendue"), card=("Carte bancaire", "CB"), bye=("Merci de votre visite",),
    ),
    Country(
        code="MY", currency="MYR", locale="en-MY", timezone="Asia/Kuala_Lumpur", decimals=2, figure=_two(".", ","),
        sign=("", "RM ", "RM"), days=("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d-%b-%Y", "%Y-%m-%d", "%d %b %Y"),
        shops=(
            ("KEDAI BUKU HARAPAN SDN BHD", ("(123456-K)", "No. 5, Jalan Melati 3", "81100 Johor Bahru", "GST ID: 000123456789")),
            ("RESTORAN SELERA UTAMA", ("002012345-W", "12, Jalan Besar, Taman Damai", "43200 Cheras, Selangor")),
            ("GREEN VALLEY HARDWARE\nTRADING SDN. BHD.", ("(CO. REG : 998877-D)", "Lot 18, Jalan PJU 1/2", "47301 Petaling Jaya")),
        ),
        goods=("Nasi Lemak", "Kopi Tarik", "A4 Paper 80gsm", "Paint Brush 2in", "Milo Ais", "PVC Pipe 20mm"),
        date_words=("Date: ", "Date : ", "", "Tarikh: "), number_words=("Invoice No: ", "Doc No. : ", "Bill No: ", "Receipt #: "),
        total=("TOTAL", "Total Sales (Inclusive of GST)", "Net Total", "Grand Total", "Total Amount", "Nett Total", "Total (RM)"),
        subtotal=("Sub Total", "Total (Excluding GST)", "SubTotal"), tax=("GST @6%", "GST 6%", "Total GST", "SST 6%"),
        tax_percent=(6,), tax_included=False, cash=("CASH", "Cash", "TUNAI"), change=("CHANGE", "Change", "BAKI"),
        card=("VISA CARD", "Master Card"), rounding="Rounding Adj", bye=("Goods sold are not returnable", "Thank You"),
    ),
    Country(
        code="JP", currency="JPY", locale="ja-JP", timezone="Asia/Tokyo", decimals=0, figure=lambda minor: f"{minor:,}",
        sign=("¥", "¥"), days=("%Y年%m月%d日", "%Y/%m/%d", "%Y-%m-%d"),
        shops=(("株式会社さくら商店", ("東京都千代田区1-2-3", "電話 03-5555-0100")), ("みどり屋コーヒー店", ("大阪府大阪市北区4-5",))),
        goods=("おにぎり", "緑茶", "弁当", "コーヒー", "サンドイッチ"), date_words=("", "日付: "), number_words=("レシートNo.", "伝票番号: "),
        total=("合計", "お会計"), subtotal=("小計",), tax=("消費税", "(内消費税等)"), tax_percent=(8, 10), tax_included=True,
        cash=("お預り", "現金"), change=("お釣り",), card=("クレジット",), bye=("ありがとうございました",),
    ),
    Country(
        code="SG", currency="SGD", locale="en-SG", timezone="Asia/Singapore", decimals=2, figure=_two(".", ","),
        sign=("", "$", "S$"), days=("%d/%m/%Y", "%d %b %Y", "%d-%m-%y"),
        shops=(("HAWKER HOUSE PTE LTD", ("80 Orchard Road #02-11", "Singapore 238839", "GST Reg No: M90312345A")),),
        goods=("Chicken Rice", "Laksa", "Kopi O", "Kaya Toast", "Lime Juice"), date_words=("Date: ", ""),
        number_words=("Receipt No: ", "Bill No: "), total=("TOTAL", "Grand Total", "Amount Due", "NETT TOTAL"),
        subtotal=("Subtotal", "SUB TOTAL"), tax=("GST 9%", "9% GST"), tax_percent=(9,), tax_included=False,
        cash=("CASH",), change=("CHANGE",), card=("VISA", "NETS DEBIT"), rounding="Rounding", bye=("Thank you",),
    ),
)  # fmt: skip


def _items(draw: random.Random, country: Country, shape: int) -> Iterator[tuple[Row, int]]:
    unit = 100 if country.decimals else 1
    for _ in range(draw.randint(1, 7)):
        count, price = (
            draw.choice((1, 1, 1, 2, 3)),
            draw.randint(1, 60) * unit + draw.choice((0, 50, 90, 95, 99)) * (unit // 100),
        )
        name, amount = draw.choice(country.goods), count * price
        shown = country.figure(amount)
        yield (
            (f"{count} x {name}" if shape % 2 else f"{name}  {count} {country.figure(price)}", shown),
            amount,
        )


def _sums(draw: random.Random, country: Country, shape: int, goods: int) -> tuple[list[Row], int]:
    """The rows from the subtotal to the total, and the total."""
    percent, sign = draw.choice(country.tax_percent), draw.choice(country.sign)
    rows: list[Row] = []
    if country.tax_included:
        tax, total = round(goods * percent / (100 + percent)), goods
        if shape in {1, 3}:
            rows.append(
                (
                    draw.choice(country.subtotal),
                    country.figure(
                        goods - tax
                        if "etto" in country.subtotal[-1] or "HT" in country.subtotal[0]
                        else goods
                    ),
                )
            )
            if country.code in {"DE", "FR"}:
                rows[-1] = (("Netto", "Total HT")[country.code == "FR"], country.figure(goods - tax))
    else:
        tax = round(goods * percent / 100)
        total = goods + tax
        rows.append((draw.choice(country.subtotal), country.figure(goods)))
        if country.code == "IN":
            half = tax // 2
            rows += [
                ("CGST @" + f"{percent / 2:g}%", country.figure(half)),
                ("SGST @" + f"{percent / 2:g}%", country.figure(half)),
            ]
            total = goods + 2 * half
        else:
            rows.append((draw.choice(country.tax), country.figure(tax)))
    if country.rounding and shape in {1, 2, 4}:
        step = 100 if country.code == "IN" else 5
        rounded = round(total / step) * step
        rows.append(
            (
                country.rounding,
                country.figure(rounded - total) if country.code != "IN" else f"{(rounded - total) / 100:.2f}",
            )
        )
        total = rounded
    rows.append((draw.choice(country.total), sign + country.figure(total)))
    if country.tax_included and shape in {0, 2}:
        rows.append((draw.choice(country.tax), country.figure(tax)))
    return rows, total


def _paid(draw: random.Random, country: Country, total: int) -> tuple[list[Row], Channel]:
    if draw.random() < 0.4:
        channel = Channel.UPI if country.code == "IN" else Channel.CARD
        return [(draw.choice(country.card), country.figure(total))], channel
    step = 1000
    given = -(-total // step) * step if draw.random() < 0.8 else total
    rows = [(draw.choice(country.cash), country.figure(given))]
    if given > total or draw.random() < 0.5:
        rows.append((draw.choice(country.change), country.figure(given - total)))
    return rows, Channel.CASH


def made(country: Country, shape: int, seed: int = 0) -> Made:
    """One receipt; the same arguments make the same one."""
    draw = random.Random(f"{country.code} {shape} {seed}")
    name, address = draw.choice(country.shops)
    moment = datetime(2024, 1, 3, tzinfo=UTC) + timedelta(
        days=draw.randint(0, 700), minutes=draw.randint(540, 1320)
    )
    number = f"{draw.choice(('', 'A', 'CS', 'INV-'))}{draw.randint(10_000, 9_999_999)}"
    clock = moment.strftime(draw.choice(("  %H:%M", "  %H:%M:%S", "  %I:%M %p", "")))
    stamp = (draw.choice(country.date_words) + moment.strftime(draw.choice(country.days)) + clock, "")
    head: list[Row] = [(draw.choice(country.number_words) + number, ""), stamp]
    items = list(_items(draw, country, shape))
    sums, total = _sums(draw, country, shape, sum(amount for _, amount in items))
    paid, channel = _paid(draw, country, total)
    rows: list[Row] = [(line, "") for line in name.split("\n")] + [(line, "") for line in address]
    rows += head if shape != 3 else head[:1]
    rows += [("-" * 24, "")] + [row for row, _ in items] + sums + paid
    if shape == 2:
        rows.append((f"Items: {len(items)}", ""))
    rows += [] if shape != 3 else [stamp]
    rows += [(line, "") for line in country.bye]
    return Made(
        country=country, rows=tuple(rows), total_minor=total, day=moment.date(), merchant=name.replace("\n", " "),
        number=number, channel=channel,
    )  # fmt: skip


def every(seeds: int = 1) -> list[Made]:
    """All countries and shapes: forty receipts a seed."""
    return [
        made(country, shape, seed)
        for seed in range(seeds)
        for country in COUNTRIES
        for shape in range(SHAPES)
    ]


def boxes(receipt: Made, *, slope: float = 0.0) -> list[Box]:
    """The rows as a perfect engine would see them, on paper that sinks by `slope` a pixel to the right."""
    found = []
    for index, (left, right) in enumerate(receipt.rows):
        top = 20.0 + 34 * index
        for text, start in ((left, 20.0), (right, 520.0 - 11 * len(right))):
            if text:
                sunk = top + slope * (start + 5.5 * len(text))
                found.append(Box(text, start, sunk, start + 11 * len(text), sunk + 22))
    return found
