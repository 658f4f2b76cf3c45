"""The agent's figures in Prometheus' text format 0.0.4. A missing measurement has no line, never a 0."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from edge.loop import Agent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float | int | None]


def exposition(agent: "Agent", state: dict[str, Any], *, sign_ins_refused: int) -> str:
    """All figures; `state` is what `/state.json` shows."""
    nodes = state["nodes"]
    lines: list[str] = []

    def add(name: str, kind: Literal["counter", "gauge"], meaning: str, samples: Iterable[Sample]) -> None:
        found = [(labels, value) for labels, value in samples if value is not None]
        if found:
            lines.append(f"# HELP lumengrid_edge_{name} {meaning}")
            lines.append(f"# TYPE lumengrid_edge_{name} {kind}")
            lines.extend(f"lumengrid_edge_{name}{_labels(labels)} {value}" for labels, value in found)

    def per_node(field: str, factor: float = 1.0) -> list[Sample]:
        return [
            ({"node": node["uid"]}, None if node[field] is None else round(node[field] * factor, 6))
            for node in nodes
        ]

    add("turns_total", "counter", "Turns of the cycle.", [({}, agent.turns)])
    add("overruns_total", "counter", "Periods a turn took beyond its own.", [({}, agent.overruns)])
    add("faults_total", "counter", "Faults of nodes and relays that began.", [({}, agent.faults_seen)])
    add(
        "part_healthy", "gauge", "1 while the part makes progress.",
        [({"part": name}, int(part["ok"])) for name, part in state["health"]["parts"].items()],
    )  # fmt: skip
    add("first_reading_seconds", "gauge", "From start to first reading.", [({}, agent.first_reading_s)])
    add("sign_ins_refused_total", "counter", "Sign-ins refused at the page.", [({}, sign_ins_refused)])
    cloud = state["cloud"]
    add(
        "uplink_up", "gauge", "1 while the cloud is connected.", [({"kind": cloud["kind"]}, int(cloud["up"]))]
    )
    add("acks_refused_total", "counter", "Acknowledgements not believed.", [({}, cloud["acks_refused"])])
    add("commands_refused_total", "counter", "Commands refused.", [({}, cloud["commands_refused"])])
    add("resends_total", "counter", "Times a stream was sent again.", [({}, cloud["resends"])])
    journal = state["journal"]
    if journal is not None:
        streams = ("live", "backlog", "energy")
        add("journal_records", "gauge", "Records that wait.", [({"stream": s}, journal[s]) for s in streams])
        add(
            "journal_oldest_seconds",
            "gauge",
            "Age of the oldest that waits.",
            [({}, journal["oldest_age_s"])],
        )
        add("journal_bytes", "gauge", "Bytes used on disk.", [({}, journal["bytes_used"])])
        add("journal_thinned_total", "counter", "Telemetry given up.", [({}, journal["thinned"])])
        add(
            "journal_problem",
            "gauge",
            "1 while the disk refuses.",
            [({}, int(journal["problem"] is not None))],
        )
    add("node_soc_percent", "gauge", "State of charge.", per_node("soc_percent"))
    add("node_soc_band_percent", "gauge", "Half-width of its 95 % band.", per_node("soc_band_percent"))
    add("node_voltage_volts", "gauge", "Terminal voltage.", per_node("voltage_mv", 1e-3))
    add("node_current_amperes", "gauge", "Positive while discharging.", per_node("current_ma", 1e-3))
    add("node_temperature_celsius", "gauge", "Cell temperature.", per_node("temperature_c"))
    add(
        "node_fault",
        "gauge",
        "1 while in fault.",
        [({"node": n["uid"]}, int(n["fault"] is not None)) for n in nodes],
    )
    add("node_sent_watt_hours_total", "counter", "Energy sent.", per_node("energy_sent_mwh", 1e-3))
    add(
        "node_received_watt_hours_total", "counter", "Energy received.", per_node("energy_received_mwh", 1e-3)
    )
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
