"""A cloud that lies well: it changes an export and makes hashes, root, totals and signatures fit again.

Written from the format's description and RFC 9162, not from the product's code.
"""

import base64
import hashlib
import json
import re
from collections import Counter

from nacl.signing import SigningKey


def parsed(line: bytes):
    """Numbers with a point keep their digits: 1.050000 stays that."""
    return json.loads(line, parse_float=lambda digits: f"\x01{digits}")


def compact(value) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r'"\\u0001([^"]*)"', r"\1", text).encode()


def signature(key: SigningKey, purpose: str, payload: bytes) -> str:
    signed = b"lumengrid/v1/" + purpose.encode() + b"\n" + payload
    return base64.b64encode(key.sign(signed).signature).decode()


def tree_root(leaf_hashes: list[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, word for word."""
    if not leaf_hashes:
        return hashlib.sha256(b"").digest()
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1
    while split * 2 < len(leaf_hashes):
        split *= 2
    left, right = tree_root(leaf_hashes[:split]), tree_root(leaf_hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def trailed(lines: list[bytes], key: SigningKey) -> bytes:
    """The lines, and a trailer that signs them."""
    body = b"".join(lines)
    digest = hashlib.sha256(body).hexdigest()
    leaves = sum(line.startswith(b'{"entry":') for line in lines)
    prices = sum(line.startswith(b'{"price":') for line in lines)
    signed = signature(key, "ledger-export", f"{leaves}\n{prices}\n{digest}\n".encode())
    trailer = {"leaves": leaves, "prices": prices, "sha256": digest, "signature": signed}
    return body + compact({"trailer": trailer}) + b"\n"


class Forged:
    """`leaves` are `[entry, document as dict]`; change what you like, then `render`."""

    def __init__(self, export: bytes, key: SigningKey, meter: SigningKey) -> None:
        self.key, self.meter = key, meter
        lines = export.splitlines()
        self.header = json.loads(lines[0])["header"]
        self.leaves = []
        self.prices = []
        for line in lines[1:-1]:
            content = parsed(line)
            if "price" in content:
                self.prices.append(content["price"])
            else:
                self.leaves.append([content["entry"], content["leaf"]])

    def of_kind(self, kind: str, number: int = 0):
        """The facts and the whole leaf of the n-th entry of a kind."""
        leaf = [leaf for _, leaf in self.leaves if leaf["kind"] == kind][number]
        return leaf["facts"], leaf

    def mints(self):
        return [leaf for _, leaf in self.leaves if leaf["kind"] == "mint"]

    def renumber(self) -> None:
        for index, (_, leaf) in enumerate(self.leaves):
            leaf["index"] = index

    def resign_report(self, leaf, **changes) -> None:
        """Change the meter's report, and sign it with the meter's own key."""
        evidence = leaf["facts"]["evidence"]
        evidence["report"] = compact(json.loads(evidence["report"]) | changes).decode()
        evidence["signature"] = signature(self.meter, "energy", evidence["report"].encode())

    def render(self, *, supply: bool = True, tree_size: int | None = None) -> bytes:
        lines, hashes = [], []
        for entry, leaf in self.leaves:
            document = compact(leaf)
            hashes.append(hashlib.sha256(b"\x00" + document).digest())
            lines.append(
                b'{"entry":%d,"leaf":%b,"leaf_hash":"%b"}' % (entry, document, hashes[-1].hex().encode())
            )
        head = self.header["head"]
        head["tree_size"] = len(hashes) if tree_size is None else tree_size
        head["root_hash"] = tree_root(hashes).hex()
        signed = f"{head['tree_size']}\n{head['root_hash']}\n{head['utc']}\n".encode()
        head["signature"] = signature(self.key, "tree-head", signed)
        self.header["public_key"] = bytes(self.key.verify_key).hex()
        if supply:
            self.header["supply"] = self.supply()
        lines += [compact({"price": price}) for price in self.prices]
        return trailed([line + b"\n" for line in [compact({"header": self.header}), *lines]], self.key)

    def supply(self):
        held = Counter()
        for _, leaf in self.leaves:
            for posting in leaf["postings"]:
                held[posting["account"], posting["asset"]] += posting["amount"]
        kinds = Counter(leaf["kind"] for _, leaf in self.leaves)
        mints = ("mint/energy", "mint/reward", "mint/yield")
        return {
            "minted": -sum(held[account, "LT"] for account in mints),
            "burned": held["burned", "LT"],
            "energy_mwh": held["minted", "kWh"],
            "co2_saved_mg": -held["carbon", "kgCO2"],
            "carbon_credit": -held["carbon", "CO2"] - held["burned", "CO2"],
            "mints": kinds["mint"],
            "burns": kinds["burn"],
            "trades": kinds["trade"],
        }
