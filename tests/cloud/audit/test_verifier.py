"""An export of a real run is accepted; whatever lies in one is named."""

import os
import random

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from cloud.audit.errors import CannotJudge, Lie, NotAccepted
from cloud.audit.kinds import FAUCET_UNITS, KNOWN_KINDS
from cloud.audit.verifier import Accepted, Verifier
from cloud.identity import service as identity_service
from cloud.ledger.model import PRIVATE_KINDS, EntryKind
from shared.messages import TreeHead
from shared.money import TOKEN_UNITS
from tests.cloud.audit.forgery import Forged, compact, parsed, signature, trailed

LT = 10_000_000


def verified(*parts: bytes, **options) -> Accepted:
    verifier = Verifier(**options)
    for part in parts:
        verifier.read(part.splitlines(keepends=True))
    return verifier.finish()


def lie_in(*parts: bytes, **options) -> Lie:
    with pytest.raises(Lie) as caught:
        verified(*parts, **options)
    return caught.value


def key_of(run) -> str:
    return bytes(SigningKey(run.cloud_key).verify_key).hex()


def test_a_real_run_is_accepted(run):
    accepted = verified(run.export, pinned_key=key_of(run))

    # Signed: five of 65 under `flag`; 65 and 40 under `reject`. Unsigned: two of 200. All times 1000 mWh.
    assert accepted.signed_mwh == (5 * 65 + 65 + 40) * 1000
    assert accepted.energy_mwh == accepted.signed_mwh + 400_000
    assert accepted.mints == 10
    assert (accepted.devices, accepted.keys) == (2, 1)
    # 0.065 kWh make 68.25 LT at 3.9 V (1.05) and 55.25 at 4.3 V (0.85); 0.04 kWh make 42; 0.2 kWh
    # 213.33 at 4.0 V and 200 without a voltage. The circular 68.25 were burned.
    minted = 4 * 6825 + 5525 + 6825 + 4200 + 21333 + 20000
    # 3 LT staked for two hours at 3 % a year earned 205 units.
    assert accepted.minted == minted * LT // 100 + 205
    assert accepted.in_existence == (minted - 6825) * LT // 100 + 205
    assert accepted.prices >= 3
    assert (accepted.policies, accepted.scales) == (("flag", "reject"), (1000,))


def test_what_the_forger_writes_without_a_lie_is_accepted(run, forged):
    assert forged.render() == run.export


def test_every_kind_of_entry_that_is_posted_was_in_the_run(forged):
    kinds = {leaf["kind"] for _, leaf in forged.leaves}

    elsewhere = {EntryKind.TRADE, EntryKind.DEPOSIT, EntryKind.WITHDRAWAL}  # test_market.py, test_stellar.py
    assert kinds == {kind.value for kind in KNOWN_KINDS - elsewhere}
    assert set(EntryKind) - PRIVATE_KINDS == KNOWN_KINDS


def test_the_faucet_gives_what_a_new_wallet_starts_with():
    assert identity_service.FAUCET_XLM * TOKEN_UNITS == FAUCET_UNITS


def flipped(export: bytes, position: int, bits: int) -> bytes:
    return export[:position] + bytes([export[position] ^ bits]) + export[position + 1 :]


def unnoticed(export: bytes, changes) -> list[tuple[int, int]]:
    """The (position, bits) whose change is accepted all the same."""
    accepted = []
    for position, bits in changes:
        try:
            verified(flipped(export, position, bits))
        except NotAccepted:
            continue
        accepted.append((position, bits))
    return accepted


@pytest.mark.chaos
@pytest.mark.timeout(3_600)
def test_any_changed_byte_is_noticed(run):
    """A seeded sample, all line ends and the whole trailer; with CHAOS_BYTES=all every byte thrice."""
    chooser = random.Random(20)
    export = run.export
    if os.environ.get("CHAOS_BYTES") == "all":
        bits = [{1 << chooser.randrange(8), byte ^ 0x20, byte ^ 0x30} - {0} for byte in export]
        changes = [(position, bit) for position, some in enumerate(bits) for bit in some]
    else:
        trailer = range(export.rindex(b'{"trailer"'), len(export))
        ends = [position for position, byte in enumerate(export) if byte == 0x0A]
        positions = sorted({*chooser.sample(range(len(export)), 400), *trailer, *ends})
        changes = [(position, 1 << chooser.randrange(8)) for position in positions]

    assert unnoticed(export, changes) == []


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_inserted_dropped_or_moved_bytes_are_noticed(run, data):
    export = run.export
    position = data.draw(st.integers(0, len(export) - 1))
    length = data.draw(st.integers(0, 40))
    put = data.draw(st.binary(max_size=8) | st.sampled_from([b" ", b"\n", b"\r\n", b"\t", b",", b"0"]))
    changed = export[:position] + put + export[position + length :]
    assume(changed != export)

    with pytest.raises(NotAccepted):
        verified(changed)


@pytest.mark.parametrize("added", [b"\n", b"{}\n", b"\r\n", None], ids=repr)
def test_nothing_may_follow_the_trailer(run, added):
    lines = run.export.splitlines(keepends=True)

    lie = lie_in(run.export + (lines[-1] if added is None else added))
    assert lie.where == f"line {len(lines) + 1}"
    assert lie.expected == "nothing after the trailer"


def test_a_signature_is_written_in_one_way_only(run):
    """The last digit of 64 bytes in base64 has four spare bits, which other readers ignore."""
    position = run.export.rindex(b"==") - 1
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    alias = digits[digits.index(run.export[position]) + 1]

    changed = run.export[:position] + bytes([alias]) + run.export[position + 1 :]
    assert lie_in(changed).where == "trailer"


@pytest.mark.parametrize(
    "line,place",
    [(0, "header"), (1, "entry 1 (leaf 0)"), (33, "price (line 34)")],
    ids=["header", "entry", "price"],
)
def test_a_line_is_written_in_one_way_only_even_when_all_is_signed_again(run, forged, line, place):
    """A space before the brace at its end."""
    lines = run.export.splitlines(keepends=True)[:-1]
    lines[line] = lines[line][:-2] + b" }\n"

    lie = lie_in(trailed(lines, forged.key))
    assert lie.where == place
    assert "canonical form" in lie.expected


def test_a_hash_that_is_not_its_leafs_is_named(run, forged):
    lines = run.export.splitlines(keepends=True)[:-1]
    other = b"1" if lines[3].endswith(b'0"}\n') else b"0"
    lines[3] = lines[3][:-4] + other + b'"}\n'

    assert lie_in(trailed(lines, forged.key)).where == "entry 3 (leaf 2): leaf_hash"


def test_entries_come_before_prices(run, forged):
    lines = run.export.splitlines(keepends=True)[:-1]
    assert lines[-1].startswith(b'{"price"')
    assert lines[-2].startswith(b'{"price"')
    moved = [*lines, lines[23]]

    lie = lie_in(trailed(moved, forged.key))
    assert (lie.where, lie.expected) == (f"line {len(moved)}", "an entry, a price or the trailer")


def test_more_entries_than_the_head_signs_are_named(run, forged):
    entry, last = forged.leaves.pop()
    lines = forged.render().splitlines(keepends=True)
    extra = run.export.splitlines(keepends=True)[last["index"] + 1]
    first_price = len(forged.leaves) + 1
    lines = [*lines[:first_price], extra, *lines[first_price:-1]]

    lie = lie_in(trailed(lines, forged.key))
    assert lie.where == f"entry {entry} (leaf {last['index']})"
    assert lie.expected == f"no more than the {len(forged.leaves)} entries of the head"


@pytest.mark.parametrize("time", ["2026-01-01T00:00:00+00:00", "2026-01-01", "soon", "2026-01-01T00:00:00"])
def test_a_time_is_written_in_one_way_only(forged, time):
    forged.leaves[0][1]["time"] = time

    assert lie_in(forged.render()).where == f"{where(forged, 0)}: time"


@pytest.mark.parametrize("cut", [1, 2, 100, 400, 5_000])
def test_a_truncated_file_is_told_as_such(run, cut):
    lie = lie_in(run.export[:-cut])

    assert "cut short" in lie.found


def test_an_empty_file_is_no_export():
    assert lie_in(b"").where == "end of the file"


def test_a_file_of_something_else_is_no_export():
    assert lie_in(b"hello\n").where == "header"
    assert lie_in(b"[" * 100_000 + b"\n").where == "header"


def test_a_foreign_key_is_told_from_the_pinned_one(run, forged):
    forged.key = SigningKey(b"x" * 32)
    export = forged.render()

    assert verified(export).public_key == bytes(forged.key.verify_key).hex()
    lie = lie_in(export, pinned_key=key_of(run))
    assert lie.where == "header: public_key"
    assert lie.expected == key_of(run)


def copied(leaf):
    return parsed(compact(leaf))


def where(forged: Forged, index: int) -> str:
    return f"entry {forged.leaves[index][0]} (leaf {index})"


def place_of_mint(forged: Forged, number: int = 0) -> int:
    return forged.mints()[number]["index"]


def test_a_forged_report_is_told_by_the_meters_signature(forged):
    facts, leaf = forged.of_kind("mint")
    evidence = facts["evidence"]
    evidence["report"] = evidence["report"].replace('"energy_mwh":65', '"energy_mwh":66')

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: the meter's signature"


def test_facts_that_say_more_than_the_report_are_named(forged):
    _, leaf = forged.of_kind("mint")
    forged.resign_report(leaf, energy_mwh=64)

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: claimed_mwh"
    assert (lie.expected, lie.found) == ("64000", "65000")


@pytest.mark.parametrize(
    "field,value",
    [
        ("report_id", "rep_other"),
        ("device_id", "pi-9"),
        ("sender_uid", "NODE_Z"),
        ("receiver_uid", "NODE_Z"),
        ("started_at", "2026-01-01T00:00:00.000001Z"),
        ("ended_at", "2026-01-01T00:00:59Z"),
        ("energy_mwh", 64_999),
        ("held_mwh", 1),
        ("circular_mwh", 1),
        ("hold_reason", "because"),
        ("status", "held"),
        ("quality_factor", 1.06),
        ("energy_scale", 999),
        (
            "unsigned",
            {"arrival_timed": False, "current_a_mean": None, "duration_s": 1.0, "voltage_v_mean": None},
        ),
    ],
)
def test_each_fact_of_a_mint_is_held_against_its_report(forged, field, value):
    facts, leaf = forged.of_kind("mint")
    facts[field] = value

    assert lie_in(forged.render()).where.startswith(where(forged, leaf["index"]))


@pytest.mark.parametrize(
    "field,value", [("carbon_kg_per_kwh", 0.83), ("carbon_credit_per_kg", 0.06), ("carbon_kg_per_kwh", 11)]
)
def test_carbon_follows_from_the_stored_factors(forged, field, value):
    facts, leaf = forged.of_kind("mint")
    facts[field] = value

    assert lie_in(forged.render()).where.startswith(where(forged, leaf["index"]))


@pytest.mark.parametrize("change", [{"energy_mwh": 11_000}, {"energy_mwh": 0}, {"receiver_uid": "NODE_A"}])
def test_a_report_that_no_policy_lets_in_is_named(forged, change):
    _, leaf = forged.of_kind("mint")
    forged.resign_report(leaf, **change)

    assert lie_in(forged.render()).where == f"{where(forged, leaf['index'])}: report"


def test_a_mint_that_its_policy_rejects_is_named(forged):
    leaf = forged.mints()[-1]
    assert leaf["facts"]["policy"] == "reject"
    forged.resign_report(leaf, current_ma_mean=1)

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: report"
    assert lie.expected == "no entry: the policy rejects it"


def test_refused_energy_that_calls_itself_a_mint_is_named(forged):
    _, leaf = forged.of_kind("circular")
    leaf["kind"] = "mint"

    lie = lie_in(forged.render())
    assert (lie.where, lie.expected) == (f"{where(forged, leaf['index'])}: kind", "circular")


def test_a_report_that_ends_before_it_starts_is_named(forged):
    _, leaf = forged.of_kind("mint")
    forged.resign_report(leaf, ended_at="2025-12-31T23:00:00Z")

    assert lie_in(forged.render()).where == f"{where(forged, leaf['index'])}: the signed report"


@pytest.mark.parametrize("report", ["", "{}", "[" * 100_000, '{"novelty":1}'])
def test_a_signed_text_that_is_no_report_is_named(forged, report):
    _, leaf = forged.of_kind("mint")
    evidence = leaf["facts"]["evidence"]
    evidence.update(report=report, signature=signature(forged.meter, "energy", report.encode()))

    assert lie_in(forged.render()).where == f"{where(forged, leaf['index'])}: the signed report"


@pytest.mark.parametrize(
    "field,value",
    [
        ("carbon_kg_per_kwh", 11),
        ("carbon_kg_per_kwh", -1),
        ("carbon_credit_per_kg", "\x011E-999999"),
        ("carbon_credit_per_kg", "\x011E+999999"),
        ("energy_scale", 0),
        ("energy_scale", 1_000_001),
        ("tolerance", "\x011.5"),
    ],
)
def test_rules_that_no_service_would_take_are_named(forged, field, value):
    facts, leaf = forged.of_kind("mint")
    facts[field] = value

    assert lie_in(forged.render()).where == f"{where(forged, leaf['index'])}: {field}"


def test_a_mint_of_more_tokens_than_its_energy_makes_is_named(forged):
    _, leaf = forged.of_kind("mint")
    leaf["postings"][0]["amount"] -= LT
    leaf["postings"][1]["amount"] += LT

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: posting"
    assert lie.expected == "-68.25 LT on mint/energy"
    assert lie.found == "-69.25 LT on mint/energy"


def test_a_held_part_that_is_paid_out_is_named(forged):
    leaf = forged.mints()[2]
    assert leaf["facts"]["status"] == "held"
    for posting in leaf["postings"]:
        posting["account"] = posting["account"].removesuffix("/flagged")

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: posting"
    assert lie.expected.endswith("/flagged")


def test_circular_energy_that_is_minted_freely_is_named(forged):
    leaf = forged.mints()[2]
    leaf["facts"].update(status="minted", held_mwh=0, circular_mwh=0, hold_reason=None)
    for posting in leaf["postings"]:
        posting["account"] = posting["account"].removesuffix("/flagged")

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: circular_mwh"
    assert (lie.expected, lie.found) == ("65000", "0")


def test_an_overlapping_interval_that_is_minted_freely_is_named(forged):
    leaf = forged.mints()[4]
    assert "overlaps" in leaf["facts"]["hold_reason"]
    leaf["facts"].update(status="minted", held_mwh=0, hold_reason=None)
    for posting in leaf["postings"]:
        posting["account"] = posting["account"].removesuffix("/flagged")

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: held_mwh"


def test_leaving_out_refused_circular_energy_is_noticed_at_the_next_mint(forged):
    """Without the way back, the node's later export looks larger than it is."""
    facts, leaf = forged.of_kind("circular")
    assert facts["status"] == "refused"
    position = leaf["index"]
    del forged.leaves[position]
    forged.renumber()

    lie = lie_in(forged.render())
    assert lie.where.startswith(where(forged, position))


def test_the_public_network_rejects_what_others_hold(forged):
    forged.header["network"] = "public"
    forged.leaves = [[entry, leaf] for entry, leaf in forged.leaves if leaf["kind"] == "mint"][:1]
    forged.renumber()

    lie = lie_in(forged.render())
    assert (lie.where, lie.found) == (f"{where(forged, 0)}: policy", "flag")


@pytest.mark.parametrize("called", [None, "rep_by_another_name"])
def test_the_same_report_minted_twice_is_named(forged, called):
    entry, leaf = forged.leaves[-1]
    last_mint = next(leaf for leaf in reversed(forged.mints()))
    again = copied(last_mint)
    again["facts"]["report_id"] = called or again["facts"]["report_id"]
    forged.leaves.append([entry + 1, again])
    forged.renumber()

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, len(forged.leaves) - 1)}: report"
    assert last_mint["facts"]["report_id"] in lie.found
    assert leaf["index"] == len(forged.leaves) - 2


def test_a_deleted_entry_leaves_a_gap_in_the_indices(forged):
    del forged.leaves[5]

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, 5)}: index"
    assert (lie.expected, lie.found) == ("5", "6")


def test_swapped_entries_are_named(forged):
    forged.leaves[0], forged.leaves[1] = forged.leaves[1], forged.leaves[0]

    assert lie_in(forged.render()).where == f"{where(forged, 0)}: index"
    forged.renumber()
    assert lie_in(forged.render()).where == f"{where(forged, 1)}: entry"


def test_a_last_entry_that_is_kept_back_breaks_the_head(run, forged):
    lines = run.export.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.startswith(b'{"entry":'))

    lie = lie_in(b"".join(lines[:last] + lines[last + 1 :]))
    assert lie.where == "entries"
    assert lie.found == str(len(forged.leaves) - 1)


def test_a_rewritten_history_breaks_the_earlier_head(run, forged):
    """The first entry gets another time: each line for itself is as good as before."""
    head = msgspec.json.decode(run.early_head, type=TreeHead)
    assert verified(run.export, earlier=head).entries > head.tree_size
    forged.leaves[0][1]["time"] = "2026-01-01T00:00:00.500000Z"
    export = forged.render()

    assert verified(export).entries == len(forged.leaves)
    lie = lie_in(export, earlier=head)
    assert lie.where == f"the earlier head: root of the first {head.tree_size} entries"
    assert lie.expected == head.root_hash


def test_a_log_that_has_shrunk_is_told(run, forged):
    head = msgspec.json.decode(run.early_head, type=TreeHead)
    del forged.leaves[2:]

    lie = lie_in(forged.render(), earlier=head)
    assert lie.where == "the earlier head"
    assert lie.expected == f"a log of at least {head.tree_size} entries"


def test_an_earlier_head_by_another_key_is_told(run, forged):
    head = msgspec.json.decode(run.early_head, type=TreeHead)
    forged.key = SigningKey(b"x" * 32)

    assert lie_in(forged.render(), earlier=head).where == "the earlier head: signature"


def test_totals_that_are_not_those_of_the_postings_are_named(forged):
    forged.render()
    forged.header["supply"]["minted"] += 1

    assert lie_in(forged.render(supply=False)).where == "header: supply: minted"


def test_a_price_that_its_factors_do_not_make_is_named(forged):
    forged.prices[1]["price_ticks"] += 100

    lie = lie_in(forged.render())
    assert lie.where == f"price (line {len(forged.leaves) + 3}): price_ticks"


def test_numbers_that_make_no_price_are_named(forged):
    forged.prices[0]["base_xlm_per_kwh"] = "\x011e308"

    assert lie_in(forged.render()).expected == "numbers that make a price"


def test_a_release_of_more_than_was_held_is_named(forged):
    leaf = next(leaf for _, leaf in forged.leaves if leaf["facts"].get("reason") == "held_mint_released")
    leaf["facts"]["mint_id"] = forged.leaves[place_of_mint(forged, 0)][0]

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: mint_id"


def test_a_held_part_is_decided_once(forged):
    position = next(
        index
        for index, (_, leaf) in enumerate(forged.leaves)
        if leaf["facts"].get("reason") == "held_mint_burned"
    )
    entry, leaf = forged.leaves[position]
    again = copied(leaf)
    # Funded by the held part that is still there, so that no balance gives it away.
    forged.leaves = [*forged.leaves[: position + 1], [entry, again], *forged.leaves[position + 1 :]]
    for index in range(position + 1, len(forged.leaves)):
        forged.leaves[index][0] += 1
    forged.renumber()

    lie = lie_in(forged.render())
    assert lie.where.startswith(where(forged, position + 1))


def test_an_escrow_that_goes_to_two_owners_is_named(forged):
    leaf = next(leaf for _, leaf in forged.leaves if leaf["facts"].get("reason") == "escrow_claimed")
    assert len(leaf["postings"]) >= 4
    leaf["postings"][3]["account"] = "acct_" + "z" * 26

    assert lie_in(forged.render()).where.startswith(where(forged, leaf["index"]))


def test_a_reversal_of_what_stands_no_more_is_named(forged):
    """The first reversal is itself taken back, so that no balance would give the second one away."""
    entry = forged.leaves[-1][0]
    _, reversal = forged.of_kind("reversal")
    back = copied(reversal)
    for posting in back["postings"]:
        posting["amount"] = -posting["amount"]
    position = reversal["index"]
    back["facts"].update(reverses_index=position, reverses_entry=forged.leaves[position][0])
    forged.leaves += [[entry + 1, back], [entry + 2, copied(reversal)]]
    forged.renumber()

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, len(forged.leaves) - 1)}: reverses_index"
    assert lie.found == "1, taken back before"


@pytest.mark.parametrize(
    "field,value", [("reverses_index", 26), ("reverses_index", -1), ("reverses_entry", 3)]
)
def test_a_reversal_names_an_earlier_entry(forged, field, value):
    facts, leaf = forged.of_kind("reversal")
    assert leaf["index"] == 26
    facts[field] = value

    assert lie_in(forged.render()).where == f"{where(forged, 26)}: {field}"


def test_a_reversal_that_is_not_the_opposite_is_named(forged):
    _, leaf = forged.of_kind("reversal")
    for posting in leaf["postings"]:
        posting["amount"] //= 2

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: postings"


def test_postings_that_do_not_balance_are_named(forged):
    leaf = forged.leaves[0][1]
    leaf["postings"][1]["amount"] += 1

    assert lie_in(forged.render()).where == f"{where(forged, 0)}: double entry"


@pytest.mark.parametrize("asset", ["fiat/USD", "own/prj_sunrise_solar"])
def test_money_of_people_in_the_public_book_is_named(forged, asset):
    leaf = forged.leaves[0][1]
    for posting in leaf["postings"]:
        posting["asset"] = asset

    lie = lie_in(forged.render())

    assert (lie.where, lie.expected) == (f"{where(forged, 0)}: postings", "assets of the public book")


def test_a_balance_below_its_floor_is_named(forged):
    leaf = forged.leaves[0][1]
    leaf["postings"][0]["account"], leaf["postings"][1]["account"] = (
        leaf["postings"][1]["account"],
        leaf["postings"][0]["account"],
    )

    assert lie_in(forged.render()).where.startswith(f"{where(forged, 0)}: balance of acct_")


@pytest.mark.parametrize(
    "change,at,field",
    [("amount", 0, "postings"), ("twice", 1, "postings"), ("public", 0, "kind"), ("system", 0, "postings")],
)
def test_the_faucet_gives_a_fixed_sum_once_and_never_on_the_public_network(forged, change, at, field):
    first, second = (leaf["postings"] for _, leaf in forged.leaves[:2])
    if change == "public":
        forged.header["network"] = "public"
    elif change == "twice":
        second[1]["account"] = first[1]["account"]
    elif change == "system":
        first[1]["account"] = "burned"
    else:
        first[0]["amount"] -= 1
        first[1]["amount"] += 1

    assert lie_in(forged.render()).where == f"{where(forged, at)}: {field}"


def test_an_escrow_is_of_the_device_that_filled_it(forged):
    leaf = next(leaf for _, leaf in forged.leaves if leaf["facts"].get("reason") == "escrow_claimed")
    leaf["facts"]["device_id"] = "pi-2"

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, leaf['index'])}: postings"
    assert "pi-2 was minted to" in lie.expected


@pytest.mark.parametrize("to", ["burned", "/flagged"])
@pytest.mark.parametrize("reason", ["escrow_claimed", "held_mint_released"])
def test_what_is_released_goes_to_someones_own_account(forged, reason, to):
    leaf = next(leaf for _, leaf in forged.leaves if leaf["facts"].get("reason") == reason)
    owner = leaf["postings"][1]["account"]
    for posting in leaf["postings"]:
        if posting["account"] == owner:
            posting["account"] = owner + to if to.startswith("/") else to

    assert lie_in(forged.render()).where == f"{where(forged, leaf['index'])}: postings"


def test_what_is_held_cannot_be_put_into_an_order(forged):
    """After the first report that is held whole; no balance gives it away."""
    _, order = forged.of_kind("hold")
    order = copied(order)
    held = forged.mints()[2]
    flagged = held["postings"][1]["account"]
    assert flagged.endswith("/flagged")
    order["postings"] = [
        {"account": flagged, "asset": "LT", "amount": -10_000_000},
        {"account": f"{flagged}/orders", "asset": "LT", "amount": 10_000_000},
    ]
    position = held["index"] + 1
    forged.leaves = [*forged.leaves[:position], [forged.leaves[position][0], order]]
    forged.renumber()

    assert lie_in(forged.render()).where == f"{where(forged, position)}: postings"


def test_another_form_of_the_same_leaf_is_not_taken(forged):
    leaf = forged.leaves[0][1]
    forged.leaves[0][1] = {"time": leaf.pop("time"), **leaf}

    lie = lie_in(forged.render())
    assert lie.where == f"{where(forged, 0)}: leaf"
    assert lie.expected == "its canonical form"


@pytest.mark.parametrize(
    "change",
    [
        lambda leaf: leaf.update(kind="dividend"),
        lambda leaf: leaf["facts"].update(novelty=1),
        lambda leaf: leaf["facts"].update(source="reward"),
        lambda leaf: leaf["postings"][0].update(asset="EUR"),
        lambda leaf: leaf["postings"][0].update(account="pool/main"),
    ],
    ids=["kind", "fact", "source", "asset", "account"],
)
def test_what_a_newer_version_wrote_is_refused_not_skipped(forged, change):
    _, leaf = forged.of_kind("mint")
    change(leaf)

    with pytest.raises(CannotJudge) as caught:
        verified(forged.render())
    assert where(forged, leaf["index"]) in str(caught.value)


def test_a_newer_format_is_refused(forged):
    forged.header["format"] = 99
    forged.header["novelty"] = True

    with pytest.raises(CannotJudge, match="format 99"):
        verified(forged.render())


def test_an_interrupted_download_is_verified_with_its_continuation(run, forged):
    whole = run.export.splitlines(keepends=True)
    cut = b"".join(whole[:9]) + whole[9][:50]  # header, leaves 0 to 7, and a part of leaf 8
    rest = Forged(run.export, forged.key, forged.meter)
    rest.header["after"] = 7
    lines = rest.render().splitlines(keepends=True)
    continued = trailed([lines[0], *lines[9:-1]], forged.key)

    assert verified(cut, continued).entries == len(forged.leaves)
    lie = lie_in(cut, run.export)
    assert (lie.where, lie.expected, lie.found) == ("header: after", "7", "none")
    assert lie_in(continued).where == "header: after"


def test_a_continuation_has_no_older_head_than_what_came_before(run, forged):
    cut = b"".join(run.export.splitlines(keepends=True)[:13])  # leaves 0 to 11
    lines = run.export.splitlines(keepends=True)
    forged.header["after"] = 11
    forged.header["head"] = msgspec.json.decode(run.early_head)  # of the first 10
    header = compact({"header": forged.header}) + b"\n"

    lie = lie_in(cut, trailed([header, *lines[13:-1]], forged.key))
    assert (lie.where, lie.expected, lie.found) == ("the head: tree_size", "at least 12", "10")


def test_the_parts_of_a_download_are_of_one_ledger(run, forged):
    cut = b"".join(run.export.splitlines(keepends=True)[:9])
    forged.header["after"] = 7
    forged.header["network"] = "testnet"
    lines = forged.render().splitlines(keepends=True)

    lie = lie_in(cut, trailed([lines[0], *lines[9:-1]], forged.key))
    assert (lie.where, lie.expected, lie.found) == ("header: network", "offline", "testnet")
