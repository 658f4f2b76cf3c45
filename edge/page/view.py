"""What the page, `/state.json` and `/metrics` say of the agent: plain values, each with its age."""

from typing import TYPE_CHECKING, Any

from edge.control import SafetyState
from edge.health import PartHealth
from edge.snapshot import NodeDecision, NodeView, Value
from shared.clock import rfc3339, to_micros
from shared.messages import NodeStatus, Quality

if TYPE_CHECKING:
    from edge.loop import Agent

STALE_AFTER_S = 5.0
"""An older value is shown as stale, whatever its quality was."""


def state(agent: "Agent") -> dict[str, Any]:
    """Everything `/state.json` and the event stream carry. Ages are in seconds, now."""
    now = agent.clock.monotonic()
    turn, told = agent.turn, agent.state
    nodes: list[dict[str, Any]] = []
    if turn is not None and told is not None:
        decisions = {node.uid: node for node in turn.decision.nodes}
        for view, status in zip(turn.snapshot.nodes, told.nodes, strict=True):
            node = _node(view, status, decisions[status.uid], now)
            node["waiting_s"] = turn.dispatched.waiting_s.get(status.uid)
            node["hold"] = _hold(agent, status.uid, now)
            node["safety"] = _safety(turn.safety, status.uid, now)
            nodes.append(node)
    return {
        "device_id": agent.config.device_id,
        "boot_id": agent.boot_id,
        "version": agent.connection.version,
        "utc": rfc3339(agent.clock.now_us()),
        "clock_synced": agent.is_synced(),
        "cycle_s": agent.config.cycle_s,
        "turns": agent.turns,
        "overruns": agent.overruns,
        "turn_age_s": None if turn is None else round(now - turn.snapshot.monotonic, 2),
        "decided_by": None if told is None else told.decided_by,
        "nodes": nodes,
        "cloud": _cloud(agent),
        "journal": _journal(agent),
        "price": _price(agent, now),
        "plan": agent.plan_view.document(),
        "events": [
            {
                "kind": event.kind,
                "node_uid": event.node_uid,
                "reason": event.reason,
                "utc": rfc3339(to_micros(event.utc)),
            }
            for event in list(agent.events)[:12]
        ],
        "health": health(agent),
    }


def health(agent: "Agent") -> dict[str, Any]:
    """Live: the vital parts move. Ready: there was a reading and everything else works too."""
    now = agent.clock.monotonic()
    parts = agent.health.parts(monotonic=now)
    return {
        "live": agent.health.is_live(monotonic=now),
        "ready": agent.first_reading_s is not None and parts["control"].ok and parts["sense"].ok,
        "parts": {name: _part(part) for name, part in parts.items()},
    }


def _part(part: PartHealth) -> dict[str, Any]:
    return {"ok": part.ok, "age_s": part.age_s, "detail": part.detail}


def _node(view: NodeView, status: NodeStatus, decision: NodeDecision, now: float) -> dict[str, Any]:
    sample = view.sample
    return {
        "uid": status.uid,
        "state": status.state.value,
        "relay": view.relay.value,
        "action": decision.action.value,
        "by": decision.by,
        "reason": status.reason,
        "peer_uid": decision.peer_uid,
        "veto": decision.veto,
        "fault": status.fault,
        "quality": status.quality.value,
        "soc_percent": status.soc_percent,
        "soc_band_percent": status.soc_band_percent,
        "voltage_mv": status.voltage_mv,
        "current_ma": status.current_ma,
        "power_mw": status.power_mw,
        "temperature_c": status.temperature_c,
        "energy_sent_mwh": status.energy_sent_mwh,
        "energy_received_mwh": status.energy_received_mwh,
        "values": {
            "voltage": _value(sample.voltage_mv, now),
            "current": _value(sample.current_ma, now),
            "temperature": _value(sample.temperature_c, now),
        },
    }


def _hold(agent: "Agent", uid: str, now: float) -> dict[str, Any] | None:
    """The lease in force, local or the cloud's."""
    lease = agent.manual.lease(uid)
    if lease is None:
        return None
    return {
        "action": lease.action.value,
        "peer_uid": lease.peer_uid,
        "local": lease.local,
        "source": lease.source,
        "left_s": round(lease.until - now, 1),
    }


def _safety(safety: SafetyState, uid: str, now: float) -> dict[str, Any]:
    """What safety forbids the node, every guard that is in force, and an override that sets some aside."""
    guard = safety.guard(uid)
    override = next((entry.until - now for entry in safety.overrides if entry.uid == uid), None)
    return {
        "charge_veto": guard.charge_veto,
        "discharge_veto": guard.discharge_veto,
        "override_left_s": None if override is None else round(override, 1),
        "guards": [
            {
                "cause": latch.cause.value,
                "reason": latch.reason,
                "charge": latch.charge,
                "discharge": latch.discharge,
                "fault": latch.fault,
                "for_s": round(now - latch.since, 1),
                "good_for_s": None if latch.good_since is None else round(now - latch.good_since, 1),
            }
            for latch in guard.latches
        ],
    }


def _value(value: Value, now: float) -> dict[str, Any]:
    age_s = None if value.measured_at is None else round(now - value.measured_at, 2)
    trusted = value.quality in {Quality.GOOD, Quality.ESTIMATED}
    return {
        "quality": value.quality.value,
        "age_s": age_s,
        "stale": value.value is not None and (not trusted or age_s is None or age_s > STALE_AFTER_S),
    }


def _cloud(agent: "Agent") -> dict[str, Any]:
    link = agent.connection.view()
    return {
        "kind": link.kind,
        "up": link.up,
        "enrolled": link.enrolled,
        "problem": link.problem,
        "last_ack_age_s": None if link.last_ack_age_s is None else round(link.last_ack_age_s, 1),
        "acks_refused": link.acks_refused,
        "commands_refused": link.commands_refused,
        "resends": link.resends,
    }


def _journal(agent: "Agent") -> dict[str, Any] | None:
    depth = agent.depth
    if depth is None:
        return None
    age_us = None if depth.oldest_us is None else agent.clock.now_us() - depth.oldest_us
    return {
        "live": depth.live,
        "backlog": depth.backlog,
        "energy": depth.energy,
        "oldest_age_s": None if age_us is None else round(max(age_us, 0) / 1e6, 1),
        "unsaved": depth.unsaved,
        "thinned": depth.thinned + agent.telemetry_given_up,
        "refused": depth.refused,
        "bytes_used": depth.bytes_used,
        "problem": depth.problem,
    }


def _price(agent: "Agent", now: float) -> dict[str, Any] | None:
    prices = agent.connection.prices
    if prices.price is None or prices.price_at is None:
        return None
    return {
        "price_xlm_per_kwh": prices.price.price_xlm_per_kwh,
        "utc": rfc3339(to_micros(prices.price.utc)),
        "age_s": round(now - prices.price_at, 1),
        "forecast_slots": 0 if prices.forecast is None else len(prices.forecast.slots),
    }
