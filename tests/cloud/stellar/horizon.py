"""A small Stellar network behind a real HTTP server: it checks and applies what it is sent, or misbehaves.

Written from the network's own rules with stellar-sdk, not from the product's code.
"""

import base64
import copy
from collections import deque
from datetime import timedelta

from aiohttp import web
from stellar_sdk import (
    BumpSequence,
    ChangeTrust,
    CreateAccount,
    CreateClaimableBalance,
    FeeBumpTransactionEnvelope,
    Keypair,
    Payment,
    TransactionBuilder,
    TransactionEnvelope,
    xdr,
)
from stellar_sdk.exceptions import BadSignatureError

UNITS = 10**7
SURGE_MAX = 10_000
FAULTS = (
    "none",
    "lost",  # never arrived, and no answer
    "applied_lost",  # arrived and was applied, and no answer
    "timeout",  # 504, not applied
    "applied_timeout",  # 504, applied all the same
    "rate_limit",
    "internal",
    "bad_seq",  # refused though nothing is wrong, as by a node that lags
    "surge",  # the fee does not suffice until it is ten times as high
)


class Account:
    def __init__(self, units: int, sequence: int) -> None:
        self.units = units
        self.sequence = sequence
        self.trust = {}


class Chain:
    """Accounts by address; `claimable` holds (claimant, code, units)."""

    def __init__(self, passphrase: str, clock) -> None:
        self.passphrase, self.clock = passphrase, clock
        self.accounts = {}
        self.claimable = []
        self.landed = []  # newest last
        self.ledger = 100
        self.closed_at = clock.now()
        self.faults = deque()
        self.query_faults = deque()
        self.sent = []
        self.payments = []
        self.fee_min = 100
        self.underfunded = set()  # destinations that refuse what they are paid

    def fund(self, address: str, xlm: int = 1000, sequence: int = 4_000_000_000) -> None:
        self.accounts[address] = Account(xlm * UNITS, sequence)

    def trust(self, address: str, issuer: str) -> None:
        self.accounts[address].trust.setdefault(issuer, 0)

    def lt(self, address: str) -> int:
        account = self.accounts.get(address)
        return sum(account.trust.values()) if account else 0

    def claimable_of(self, address: str, code: str) -> int:
        return sum(units for who, what, units in self.claimable if (who, what) == (address, code))

    # What a node does with a transaction

    def close(self) -> None:
        self.ledger += 1
        self.closed_at = self.clock.now()

    def submit(self, envelope_xdr: str):
        """The landed record, or (transaction code, operation codes)."""
        envelope = TransactionBuilder.from_xdr(envelope_xdr, self.passphrase)
        outer = envelope
        fee_each = None
        if isinstance(envelope, FeeBumpTransactionEnvelope):
            outer, envelope = envelope, envelope.transaction.inner_transaction_envelope
            _check_signature(outer, outer.transaction.fee_source.account_id)
            fee_each = outer.transaction.fee // (len(envelope.transaction.operations) + 1)
        assert isinstance(envelope, TransactionEnvelope)
        transaction = envelope.transaction
        known = self.find(envelope.hash_hex())
        if known is not None:
            return known
        if fee_each is None:
            fee_each = transaction.fee // len(transaction.operations)
        account = self.accounts.get(transaction.source.account_id)
        if account is None:
            return "tx_no_source_account", []
        bounds = transaction.preconditions.time_bounds
        if bounds.max_time and bounds.max_time < self.clock.now().timestamp():
            return "tx_too_late", []
        if transaction.sequence != account.sequence + 1:
            return "tx_bad_seq", []
        if fee_each < self.fee_min:
            return "tx_insufficient_fee", []
        sources = {transaction.source.account_id} | {
            operation.source.account_id for operation in transaction.operations if operation.source
        }
        for source in sources:
            _check_signature(envelope, source)
        assert len(envelope.signatures) == len(sources), "signatures that nobody asked for"
        assert len(transaction.operations) <= 100
        return self._apply(envelope, outer)

    def _apply(self, envelope, outer):
        transaction = envelope.transaction
        before = copy.deepcopy((self.accounts, self.claimable))
        results, good = [], True
        for operation in transaction.operations:
            source = (operation.source or transaction.source).account_id
            result, code = self._operation(operation, source)
            results.append((result, code))
            good = good and code == 0
        if not good:
            self.accounts, self.claimable = before
        custody = self.accounts[transaction.source.account_id]
        custody.sequence = transaction.sequence
        self.close()
        record = {
            "hash": outer.hash_hex(),
            "ledger": self.ledger,
            "successful": good,
            "source_account": transaction.source.account_id,
            "source_account_sequence": str(transaction.sequence),
            "result_xdr": _result_xdr([result for result, _ in results], good),
        }
        if outer is not envelope:
            record["inner_transaction"] = {"hash": envelope.hash_hex()}
        self.landed.append(record)
        return record

    def _operation(self, operation, source):
        if isinstance(operation, Payment):
            code = self._pay(source, operation)
            return (
                xdr.OperationResultTr(
                    xdr.OperationType.PAYMENT, payment_result=xdr.PaymentResult(xdr.PaymentResultCode(code))
                ),
                code,
            )
        if isinstance(operation, ChangeTrust):
            self.trust(source, operation.asset.issuer)
            done = xdr.ChangeTrustResult(xdr.ChangeTrustResultCode(0))
            return xdr.OperationResultTr(xdr.OperationType.CHANGE_TRUST, change_trust_result=done), 0
        if isinstance(operation, BumpSequence):
            done = xdr.BumpSequenceResult(xdr.BumpSequenceResultCode(0))
            return xdr.OperationResultTr(xdr.OperationType.BUMP_SEQUENCE, bump_seq_result=done), 0
        if isinstance(operation, CreateAccount):
            code = self._create(source, operation)
            done = xdr.CreateAccountResult(xdr.CreateAccountResultCode(code))
            return xdr.OperationResultTr(xdr.OperationType.CREATE_ACCOUNT, create_account_result=done), code
        assert isinstance(operation, CreateClaimableBalance)
        code = self._claimable(source, operation)
        done = xdr.CreateClaimableBalanceResult(
            xdr.CreateClaimableBalanceResultCode(code),
            balance_id=xdr.ClaimableBalanceID(xdr.ClaimableBalanceIDType(0), xdr.Hash(bytes(32)))
            if code == 0
            else None,
        )
        return (
            xdr.OperationResultTr(
                xdr.OperationType.CREATE_CLAIMABLE_BALANCE, create_claimable_balance_result=done
            ),
            code,
        )

    def _pay(self, source, operation) -> int:
        units = _units(operation.amount)
        destination = operation.destination.account_id
        target = self.accounts.get(destination)
        if target is None:
            return -5  # no destination
        if destination in self.underfunded:
            return -8  # line full
        if operation.asset.is_native():
            if self.accounts[source].units < units:
                return -2
            self.accounts[source].units -= units
            target.units += units
            return 0
        issuer = operation.asset.issuer
        if destination != issuer and issuer not in target.trust:
            return -6  # no trust
        if not self._take_lt(source, issuer, units):
            return -2  # underfunded
        if destination != issuer:
            target.trust[issuer] += units
        return 0

    def _take_lt(self, source, issuer, units) -> bool:
        if source == issuer:
            return True
        held = self.accounts[source].trust.get(issuer, 0)
        if held < units:
            return False
        self.accounts[source].trust[issuer] = held - units
        return True

    def _create(self, source, operation) -> int:
        units = _units(operation.starting_balance)
        if operation.destination in self.accounts:
            return -4
        if units < UNITS:
            return -3
        if self.accounts[source].units < units:
            return -2
        self.accounts[source].units -= units
        self.fund(operation.destination, 0, self.ledger << 32)
        self.accounts[operation.destination].units = units
        return 0

    def _claimable(self, source, operation) -> int:
        units = _units(operation.amount)
        if operation.asset.is_native():
            if self.accounts[source].units < units:
                return -5
            self.accounts[source].units -= units
            code = "XLM"
        else:
            if not self._take_lt(source, operation.asset.issuer, units):
                return -5
            code = operation.asset.code
        (claimant,) = operation.claimants
        self.claimable.append((claimant.destination, code, units))
        return 0

    def find(self, tx_hash: str):
        for record in self.landed:
            if tx_hash in {record["hash"], record.get("inner_transaction", {}).get("hash")}:
                return record
        return None

    # What a wallet does

    def deposit(self, custody: str, units: int, *, memo=None, issuer=None, memo_type="id", **more) -> int:
        """A payment to custody; its operation id."""
        number = (len(self.payments) + 1) << 12
        asset = (
            {"asset_type": "native"}
            if issuer is None
            else {"asset_type": "credit_alphanum4", "asset_code": "LT", "asset_issuer": issuer}
        )
        whole, part = divmod(units, UNITS)
        record = {
            "id": str(number),
            "paging_token": str(number),
            "type": "payment",
            "transaction_hash": f"{number:064x}",
            "created_at": self.clock.now().isoformat().replace("+00:00", "Z"),
            "transaction_successful": True,
            "from": Keypair.from_raw_ed25519_seed(b"w" * 32).public_key,
            "to": custody,
            "amount": f"{whole}.{part:07}",
            "transaction": {"memo_type": "none"}
            if memo is None
            else {"memo_type": memo_type, "memo": str(memo)},
        }
        self.payments.append(record | asset | more)
        return number


def _units(shown: str) -> int:
    whole, _, part = str(shown).partition(".")
    return int(whole) * UNITS + int((part + "0000000")[:7])


def _check_signature(envelope, address: str) -> None:
    """Stellar's own rule: one of the signatures is the account's, over the hash on this network."""
    key = Keypair.from_public_key(address)
    for signature in envelope.signatures:
        if signature.signature_hint == key.signature_hint():
            key.verify(envelope.hash(), signature.signature)
            return
    raise BadSignatureError(f"no signature of {address}")


def _result_xdr(results, good: bool) -> str:
    code = xdr.TransactionResultCode.txSUCCESS if good else xdr.TransactionResultCode.txFAILED
    result = xdr.TransactionResult(
        fee_charged=xdr.Int64(100),
        result=xdr.TransactionResultResult(
            code, results=[xdr.OperationResult(xdr.OperationResultCode.opINNER, tr) for tr in results]
        ),
        ext=xdr.TransactionResultExt(0),
    )
    return base64.b64encode(result.to_xdr_bytes()).decode()


class Server:
    """The chain over HTTP, with Horizon's paths and bodies."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._runner = None
        self.url = ""
        self.asked = []  # paths, oldest first

    async def start(self) -> None:
        @web.middleware
        async def noted(request, handler):
            self.asked.append(request.path)
            return await handler(request)

        app = web.Application(middlewares=[noted])
        app.router.add_get("/accounts/{address}", self._account)
        app.router.add_get("/accounts/{address}/transactions", self._recent)
        app.router.add_get("/accounts/{address}/payments", self._payments)
        app.router.add_get("/transactions/{hash}", self._transaction)
        app.router.add_get("/operations/{id}/effects", self._effects)
        app.router.add_get("/ledgers", self._ledgers)
        app.router.add_post("/transactions", self._submit)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _submit(self, request):
        envelope = (await request.post())["tx"]
        self.chain.sent.append(envelope)
        fault = self.chain.faults.popleft() if self.chain.faults else "none"
        refusal = {
            "timeout": web.json_response({"status": 504}, status=504),
            "internal": web.json_response({"status": 500}, status=500),
            "rate_limit": web.json_response({"status": 429}, status=429, headers={"Retry-After": "7"}),
            "bad_seq": _refusal("tx_bad_seq", []),
        }.get(fault)
        if refusal is not None:
            return refusal
        if fault == "lost":
            request.transport.abort()
            return web.Response()
        if fault == "surge":
            self.chain.fee_min = min(self.chain.fee_min * 10, SURGE_MAX)
        found = self.chain.submit(envelope)
        if fault == "applied_lost":
            request.transport.abort()
            return web.Response()
        if fault == "applied_timeout":
            return web.json_response({"status": 504}, status=504)
        if isinstance(found, tuple):
            return _refusal(*found)
        if not found["successful"]:
            return _refusal("tx_failed", ["op_inner"])
        return web.json_response(found)

    def _misbehaves(self):
        fault = self.chain.query_faults.popleft() if self.chain.query_faults else "none"
        if fault == "internal":
            return web.json_response({"status": 500}, status=500)
        if fault == "rate_limit":
            return web.json_response({"status": 429}, status=429, headers={"Retry-After": "7"})
        return None

    async def _account(self, request):
        address = request.match_info["address"]
        account = self.chain.accounts.get(address)
        if (bad := self._misbehaves()) is not None:
            return bad
        if account is None:
            return web.json_response({"status": 404}, status=404)
        balances = [
            {"asset_type": "credit_alphanum4", "asset_code": "LT", "asset_issuer": issuer, "balance": "0"}
            for issuer in account.trust
        ]
        native = {"asset_type": "native", "balance": "1"}
        return web.json_response({"sequence": str(account.sequence), "balances": [*balances, native]})

    async def _recent(self, request):
        if (bad := self._misbehaves()) is not None:
            return bad
        return _page(self.chain.landed[::-1][: int(request.query["limit"])])

    async def _payments(self, request):
        if (bad := self._misbehaves()) is not None:
            return bad
        after, limit = int(request.query["cursor"]), int(request.query["limit"])
        return _page([one for one in self.chain.payments if int(one["paging_token"]) > after][:limit])

    async def _transaction(self, request):
        found = self.chain.find(request.match_info["hash"])
        if (bad := self._misbehaves()) is not None:
            return bad
        return web.json_response(found or {"status": 404}, status=200 if found else 404)

    async def _effects(self, request):
        return _page(
            [
                {"type": "account_credited", "account": one["into"], "amount": one["merged"]}
                for one in self.chain.payments
                if one["id"] == request.match_info["id"] and "merged" in one
            ]
        )

    async def _ledgers(self, _request):
        if (bad := self._misbehaves()) is not None:
            return bad
        # Ledgers close every five seconds, whether or not anything is in them.
        closed = self.chain.clock.now() - timedelta(seconds=2)
        return _page([{"closed_at": closed.isoformat().replace("+00:00", "Z")}])


def _page(records):
    return web.json_response({"_embedded": {"records": records}})


def _refusal(transaction: str, operations):
    codes = {"transaction": transaction, "operations": operations}
    return web.json_response({"status": 400, "extras": {"result_codes": codes}}, status=400)
