"""A small Stripe behind a real HTTP server: it does as its documentation says, or misbehaves.

Written from https://docs.stripe.com/api, not from the product's code.
"""

import asyncio
import hashlib
import itertools
import json
from collections import deque
from urllib.parse import parse_qsl

from aiohttp import web

SECRET_KEY = "sk_test_stand_in"
WEBHOOK_SECRET = "whsec_stand_in"
VERSION = "2024-06-20"
FAULTS = (
    "none",
    "lost",  # never arrived, and no answer
    "applied_lost",  # arrived and was done, and no answer
    "rate_limit",  # 429, not done
    "internal",  # 500, not done
    "applied_internal",  # 500, done all the same
    "garbage",  # done, and the answer is cut off
)
OPEN = {"requires_payment_method", "requires_confirmation", "requires_action"}


def signed(body: bytes, *, at_s: int, secret: str = WEBHOOK_SECRET) -> str:
    """`Stripe-Signature`, by HMAC as RFC 2104 writes it."""
    key = secret.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + f"{at_s}.".encode() + body).digest()
    return f"t={at_s},v1={hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest()},v0=00"


class Failure(Exception):
    def __init__(self, status: int, **error) -> None:
        self.status, self.error = status, {"type": "invalid_request_error", **error}


class Stripe:
    """Its books; `events` are what it would send as webhooks, in the order in which they happened."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.numbers = itertools.count(1)
        self.intents, self.refunds, self.transfers = {}, {}, {}
        self.events = []
        self.kept = {}  # by idempotency key: fields, status, answer
        self.faults = deque()
        self.get_faults = deque()
        self.requests = []
        self.balance = 10**12
        self.page = 100
        self.arrived = asyncio.Event()
        self.hold = None  # an event: what is posted waits for it

    def now_s(self) -> int:
        return self.clock.now_us() // 1_000_000

    def forget_keys(self) -> None:
        """As after a day."""
        self.kept.clear()

    def event(self, type_: str, thing: dict) -> dict:
        event = {
            "id": f"evt_{next(self.numbers)}",
            "object": "event",
            "api_version": VERSION,
            "created": self.now_s(),
            "type": type_,
            "data": {"object": json.loads(json.dumps(thing))},
        }
        self.events.append(event)
        return event

    # What the API does

    def create_intent(self, fields: dict) -> dict:
        intent_id = f"pi_{next(self.numbers)}"
        intent = {
            "id": intent_id,
            "object": "payment_intent",
            "status": "requires_payment_method",
            "amount": int(fields["amount"]),
            "amount_received": 0,
            "currency": fields["currency"],
            "client_secret": f"{intent_id}_secret_x",
            "created": self.now_s(),
            "metadata": metadata(fields),
            "next_action": None,
            "last_payment_error": None,
        }
        source = fields.get("payment_method")
        if source is not None and not source.startswith("pm_"):
            raise Failure(400, code="resource_missing", message=f"No such PaymentMethod: {source!r}")
        self.intents[intent_id] = intent
        self.event("payment_intent.created", intent)
        if fields.get("confirm") == "true":
            self.confirm(intent, source, fields.get("return_url"))
        return intent

    def confirm(self, intent: dict, source: str, return_url: str | None = None) -> None:
        """The payer tries."""
        if source == "pm_card_chargeDeclined":
            error = {"type": "card_error", "code": "card_declined", "decline_code": "generic_decline"}
            intent |= {"status": "requires_payment_method", "last_payment_error": error, "next_action": None}
            self.event("payment_intent.payment_failed", intent)
            raise Failure(402, **error, payment_intent=json.loads(json.dumps(intent)))
        if source == "pm_card_authenticationRequired":
            url = f"https://hooks.stripe.com/3d_secure/{intent['id']}?return={return_url}"
            action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": return_url}}
            intent |= {"status": "requires_action", "next_action": action}
            self.event("payment_intent.requires_action", intent)
        elif source == "pm_usBankAccount":
            intent |= {"status": "processing", "next_action": None}
            self.event("payment_intent.processing", intent)
        else:
            self.settle(intent)

    def settle(self, intent: dict) -> dict:
        intent |= {
            "status": "succeeded",
            "amount_received": intent["amount"],
            "next_action": None,
            "last_payment_error": None,
        }
        return self.event("payment_intent.succeeded", intent)

    def cancel(self, intent: dict) -> dict:
        if intent["status"] not in OPEN:
            raise Failure(400, code="payment_intent_unexpected_state", message=intent["status"])
        intent["status"] = "canceled"
        self.event("payment_intent.canceled", intent)
        return intent

    def create_refund(self, fields: dict) -> dict:
        intent = self.intents.get(fields["payment_intent"])
        if intent is None or intent["status"] != "succeeded":
            raise Failure(400, code="resource_missing", message="nothing to refund")
        back = sum(
            r["amount"]
            for r in self.refunds.values()
            if r["payment_intent"] == intent["id"] and r["status"] not in {"failed", "canceled"}
        )
        if back + int(fields["amount"]) > intent["amount_received"]:
            raise Failure(400, code="charge_already_refunded", message="refunded")
        refund = {
            "id": f"re_{next(self.numbers)}",
            "object": "refund",
            "status": "pending",
            "amount": int(fields["amount"]),
            "payment_intent": intent["id"],
            "created": self.now_s(),
            "metadata": metadata(fields),
        }
        self.refunds[refund["id"]] = refund
        self.event("refund.created", refund)
        return refund

    def move_refund(self, refund: dict, status: str) -> dict:
        refund["status"] = status
        return self.event("refund.updated" if status != "failed" else "refund.failed", refund)

    def create_transfer(self, fields: dict) -> dict:
        if int(fields["amount"]) > self.balance:
            raise Failure(400, code="balance_insufficient", message="You have insufficient funds")
        self.balance -= int(fields["amount"])
        transfer = {
            "id": f"tr_{next(self.numbers)}",
            "object": "transfer",
            "amount": int(fields["amount"]),
            "currency": fields["currency"],
            "destination": fields["destination"],
            "transfer_group": fields.get("transfer_group"),
            "reversed": False,
            "created": self.now_s(),
            "metadata": metadata(fields),
        }
        self.transfers[transfer["id"]] = transfer
        self.event("transfer.created", transfer)
        return transfer

    def reverse(self, transfer: dict) -> dict:
        transfer["reversed"] = True
        self.balance += transfer["amount"]
        return self.event("transfer.reversed", transfer)

    def listed(self, things: dict, query: dict, *names: str) -> dict:
        wanted = [
            thing
            for thing in reversed(things.values())
            if all(thing.get(name) == query[name] for name in names if name in query)
            and thing["created"] >= int(query.get("created[gte]", 0))
        ]
        if "starting_after" in query:
            ids = [thing["id"] for thing in wanted]
            wanted = wanted[ids.index(query["starting_after"]) + 1 :]
        limit = min(int(query.get("limit", 10)), self.page)
        return {"object": "list", "data": wanted[:limit], "has_more": len(wanted) > limit}

    # HTTP

    def post(self, path: str, fields: dict) -> dict:
        parts = path.strip("/").split("/")[1:]
        if parts == ["payment_intents"]:
            return self.create_intent(fields)
        if parts == ["refunds"]:
            return self.create_refund(fields)
        if parts == ["transfers"]:
            return self.create_transfer(fields)
        if parts[0] == "payment_intents" and parts[2:] == ["cancel"] and parts[1] in self.intents:
            return self.cancel(self.intents[parts[1]])
        raise Failure(404, code="resource_missing", message=path)

    def get(self, path: str, query: dict) -> dict:
        parts = path.strip("/").split("/")[1:]
        if parts == ["payment_intents"]:
            return self.listed(self.intents, query)
        if parts == ["refunds"]:
            return self.listed(self.refunds, query, "payment_intent")
        if parts == ["transfers"]:
            return self.listed(self.transfers, query, "transfer_group")
        if parts[0] == "payment_intents" and parts[1] in self.intents:
            return self.intents[parts[1]]
        raise Failure(404, code="resource_missing", message=path)

    def post_once(self, path: str, fields: dict, key: str | None) -> tuple[int, dict]:
        if key in self.kept:
            before, status, answer = self.kept[key]
            if before != (path, fields):
                return 400, {"error": {"type": "idempotency_error", "message": "Keys can only be used once"}}
            return status, answer
        try:
            status, answer = 200, self.post(path, fields)
        except Failure as failure:
            status, answer = failure.status, {"error": failure.error}
        answer = json.loads(json.dumps(answer))
        if key is not None and status in {200, 402}:
            self.kept[key] = ((path, fields), status, answer)
        return status, answer


def metadata(fields: dict) -> dict:
    return {name[9:-1]: value for name, value in fields.items() if name.startswith("metadata[")}


class StripeServer:
    """HTTP on 127.0.0.1."""

    def __init__(self, stripe: Stripe) -> None:
        self.stripe = stripe
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.runner.cleanup()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        stripe = self.stripe
        body = await request.text()
        stripe.requests.append((request.method, request.path, dict(request.headers), body))
        if request.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            return web.json_response({"error": {"type": "invalid_request_error"}}, status=401)
        assert request.headers["Stripe-Version"] == VERSION
        queue = stripe.faults if request.method == "POST" else stripe.get_faults
        fault = queue.popleft() if queue else "none"
        if fault == "lost":
            return await self.hang_up(request)
        if fault == "rate_limit":
            return web.json_response({"error": {"type": "api_error", "code": "rate_limit"}}, status=429)
        if fault == "internal":
            return web.json_response({"error": {"type": "api_error"}}, status=500)
        if fault == "gateway":
            return web.json_response({"detail": "no route"}, status=404)
        if fault == "refused":
            return web.json_response({"error": {"type": "invalid_request_error"}}, status=400)
        if request.method == "POST" and stripe.hold is not None:
            stripe.arrived.set()
            await stripe.hold.wait()
        status, answer = self.done(request, body)
        if fault == "applied_lost":
            return await self.hang_up(request)
        if fault == "applied_internal":
            return web.json_response({"error": {"type": "api_error"}}, status=500)
        if fault == "garbage":
            return web.Response(text=json.dumps(answer)[:20], content_type="application/json")
        return web.json_response(answer, status=status)

    def done(self, request: web.Request, body: str) -> tuple[int, dict]:
        if request.method == "GET":
            try:
                return 200, self.stripe.get(request.path, dict(request.query))
            except Failure as failure:
                return failure.status, {"error": failure.error}
        assert request.content_type == "application/x-www-form-urlencoded" or not body
        fields = dict(parse_qsl(body, keep_blank_values=True))
        return self.stripe.post_once(request.path, fields, request.headers.get("Idempotency-Key"))

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        request.transport.abort()
        await asyncio.sleep(0)
        return web.Response()
