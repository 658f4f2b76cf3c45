"""One export written by hand: what stands in it was worked out on paper, not by the product.

A meter sends 500 Wh in half an hour at 4.0 V and 250 A. Quality 1 + (4.0 - 3.6) / 6 = 1.066667, so
0.5 kWh · 1000 · 1.0666… = 533.33 LT; 0.5 kWh · 0.82 kg/kWh = 0.41 kg; 0.41 · 0.05 = 0.0205 credits. Of the
LT, 500 lie in a sell order. The price has supply 7, demand 5, SoC 0.65, 1 km, hour 8, Q 0.8:
5 · 0.932706 · 1.06125 · 1.2 · 1.15 · 1.08 = 7.376, shown 7.38.
"""

import hashlib

import pytest
from nacl.signing import SigningKey

from cloud.audit.errors import Lie
from cloud.audit.verifier import Verifier
from tests.cloud.audit.forgery import signature, trailed, tree_root

CLOUD = SigningKey(bytes(range(32)))
METER = SigningKey(bytes(range(32, 64)))
CLOUD_KEY = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
METER_KEY = bytes(METER.verify_key).hex()
ACCOUNT = "acct_01hzzzzzzzzzzzzzzzzzzzzzzz"
WALLET = "acct_01hyyyyyyyyyyyyyyyyyyyyyyy"

REPORT = (
    '{"report_id":"r-1","device_id":"pi-1","sender_uid":"A","receiver_uid":"B",'
    '"started_at":"2026-01-01T08:00:00Z","ended_at":"2026-01-01T08:30:00Z","duration_ms":1800000,'
    '"energy_mwh":500000,"received_mwh":480000,"voltage_mv_mean":4000,"current_ma_mean":250000,'
    '"boot_id":"b","synced":true}'
)
QUOTED = REPORT.replace('"', '\\"')
METERS_SIGNATURE = signature(METER, "energy", REPORT.encode())

FAUCET = (
    '{"index":0,"time":"2026-01-01T07:00:00Z","kind":"faucet","postings":['
    '{"account":"faucet","asset":"XLM","amount":-100000000000},'
    f'{{"account":"{WALLET}","asset":"XLM","amount":100000000000}}],"facts":{{}}}}'
)
MINT = (
    '{"index":1,"time":"2026-01-01T08:30:01.500000Z","kind":"mint","postings":['
    '{"account":"mint/energy","asset":"LT","amount":-5333300000},'
    f'{{"account":"{ACCOUNT}","asset":"LT","amount":5333300000}},'
    '{"account":"meter","asset":"kWh","amount":-500000},{"account":"minted","asset":"kWh","amount":500000},'
    '{"account":"carbon","asset":"kgCO2","amount":-410000},'
    '{"account":"minted","asset":"kgCO2","amount":410000},'
    '{"account":"carbon","asset":"CO2","amount":-205000},'
    f'{{"account":"{ACCOUNT}","asset":"CO2","amount":205000}}],'
    '"facts":{"carbon_credit_per_kg":0.05,"carbon_kg_per_kwh":0.82,"circular_mwh":0,"claimed_mwh":500000,'
    '"device_id":"pi-1","ended_at":"2026-01-01T08:30:00Z","energy_mwh":500000,"energy_scale":1,'
    f'"evidence":{{"public_key":"{METER_KEY}","report":"{QUOTED}","signature":"{METERS_SIGNATURE}"}},'
    '"held_mwh":0,"hold_reason":null,"policy":"flag","power_w_max":10000.0,"quality_factor":1.066667,'
    '"receiver_uid":"B","report_id":"r-1","sender_uid":"A","source":"energy",'
    '"started_at":"2026-01-01T08:00:00Z","status":"minted","tolerance":0.25,"unsigned":null}}'
)
HOLD = (
    '{"index":2,"time":"2026-01-01T08:30:01.500000Z","kind":"hold","postings":['
    f'{{"account":"{ACCOUNT}","asset":"LT","amount":-5000000000}},'
    f'{{"account":"{ACCOUNT}/orders","asset":"LT","amount":5000000000}}],'
    '"facts":{"kwh":0.5,"order_id":"auto_sell_2","price_xlm_per_kwh":7.38,"reason":"sell_order"}}'
)
PRICE = (
    '{"price":{"at_us":1767254400000000,"price_ticks":73800,"supply":7,"demand":5,"soc_mean":0.65,'
    '"distance_km":1.0,"hour":8,"quality":0.8,"base_xlm_per_kwh":5.0,"alpha":0.2,"beta":0.5,"gamma":0.2,'
    '"eta":0.1,"f_sd":0.9327055526757574,"f_soc":1.06125,"f_dist":1.2,"f_time":1.15,"f_quality":1.08}}'
)
SUPPLY = (
    '{"minted":5333300000,"burned":0,"energy_mwh":500000,"co2_saved_mg":410000,"carbon_credit":205000,'
    '"mints":1,"burns":0,"trades":0}'
)
UTC = "2026-01-01T09:00:00Z"
ROOT = "0376639d0627b7a272e8a6e341958bae09630fc604a4b72fa79e049c1bd2a70d"


def leaf(document: str) -> bytes:
    return hashlib.sha256(b"\x00" + document.encode()).digest()


def written(mint: str = MINT, price: str = PRICE) -> bytes:
    documents = [FAUCET, mint, HOLD]
    root = tree_root([leaf(document) for document in documents]).hex()
    head_signature = signature(CLOUD, "tree-head", f"3\n{root}\n{UTC}\n".encode())
    header = (
        f'{{"header":{{"format":2,"network":"offline","public_key":"{CLOUD_KEY}",'
        f'"head":{{"tree_size":3,"root_hash":"{root}","utc":"{UTC}","signature":"{head_signature}"}},'
        f'"after":null,"supply":{SUPPLY}}}}}'
    )
    entries = [
        f'{{"entry":{number},"leaf":{document},"leaf_hash":"{leaf(document).hex()}"}}'
        for number, document in enumerate(documents, 1)
    ]
    return trailed([f"{line}\n".encode() for line in [header, *entries, price]], CLOUD)


def verified(export: bytes):
    verifier = Verifier(pinned_key=CLOUD_KEY)
    verifier.read(export.splitlines(keepends=True))
    return verifier.finish()


def test_what_was_written_by_hand_is_accepted():
    accepted = verified(written())

    assert (accepted.entries, accepted.mints, accepted.prices) == (3, 1, 1)
    assert accepted.minted == accepted.in_existence == 5_333_300_000
    assert accepted.energy_mwh == accepted.signed_mwh == 500_000
    assert accepted.head.root_hash == ROOT


@pytest.mark.parametrize(
    "mint,where",
    [
        (MINT.replace("5333300000", "5333400000"), "posting"),
        (MINT.replace("1.066667", "1.066666"), "quality_factor"),
        (MINT.replace("410000", "410001"), "posting"),
        (MINT.replace("205000", "205001"), "posting"),
        (MINT.replace('"energy_scale":1,', '"energy_scale":2,'), "claimed_mwh"),
        (MINT.replace('"power_w_max":10000.0', '"power_w_max":999.0'), "held_mwh"),
        (MINT.replace('"tolerance":0.25', '"tolerance":1.5'), "tolerance"),
        (MINT.replace('"policy":"flag"', '"policy":"off"').replace("480000", "480001"), "signature"),
    ],
    ids=["tokens", "quality", "carbon", "credit", "scale", "rating", "tolerance", "report"],
)
def test_each_number_of_the_mint_is_worked_out_again(mint, where):
    with pytest.raises(Lie) as caught:
        verified(written(mint=mint))
    assert caught.value.where.startswith("entry 2 (leaf 1): ")
    assert where in caught.value.where


@pytest.mark.parametrize(
    "change",
    [("73800", "73700"), ('"base_xlm_per_kwh":5.0', '"base_xlm_per_kwh":5.1')],
)
def test_the_price_is_worked_out_of_its_base_and_factors(change):
    with pytest.raises(Lie) as caught:
        verified(written(price=PRICE.replace(*change)))
    assert caught.value.where == "price (line 5): price_ticks"


@pytest.mark.parametrize(
    "change,factor",
    [
        (('"f_sd":0.93', '"f_sd":0.94'), "f_sd"),
        (('"supply":7', '"supply":8'), "f_sd"),
        (('"demand":5', '"demand":4'), "f_sd"),
        (('"alpha":0.2', '"alpha":0.21'), "f_sd"),
        (('"f_soc":1.06125', '"f_soc":1.06126'), "f_soc"),
        (('"soc_mean":0.65', '"soc_mean":null'), "f_soc"),
        (('"beta":0.5', '"beta":0.4'), "f_soc"),
        (('"f_dist":1.2', '"f_dist":1.3'), "f_dist"),
        (('"distance_km":1.0', '"distance_km":1.5'), "f_dist"),
        (('"gamma":0.2', '"gamma":0.1'), "f_dist"),
        (('"f_time":1.15', '"f_time":1.3'), "f_time"),
        (('"hour":8', '"hour":9'), "f_time"),
        (('"f_quality":1.08', '"f_quality":1.09'), "f_quality"),
        (('"quality":0.8', '"quality":0.7'), "f_quality"),
        (('"eta":0.1', '"eta":0.2'), "f_quality"),
    ],
)
def test_every_factor_is_worked_out_of_inputs_and_coefficients(change, factor):
    with pytest.raises(Lie) as caught:
        verified(written(price=PRICE.replace(*change)))
    assert caught.value.where == f"price (line 5): {factor}"
