"""The agent's state as text for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any


def status_table(document: Mapping[str, Any]) -> str:
    """`document` is the page's `/state.json`."""
    nodes: Sequence[Mapping[str, Any]] = document["nodes"]
    head = ("node", "state", "SoC", "V", "A", "W", "C", "reading", "who and why")
    rows = [head, *(_row(node) for node in nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    lines = [
        "  ".join(
            cell.ljust(width) if column in {0, 1, 7} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row[:-1], widths, strict=True))
        )
        + "  "
        + row[-1]
        for row in rows
    ]
    age_s = document["turn_age_s"]
    lines.insert(
        0,
        f"{document['device_id']}  {document['utc']}"
        f"{'' if document['clock_synced'] else ' (clock not synchronised)'}  "
        f"{'no turn yet' if age_s is None else f'last turn {age_s:.1f} s ago'}",
    )
    lines.append(_cloud(document))
    return "\n".join(lines)


def _row(node: Mapping[str, Any]) -> tuple[str, ...]:
    soc = "-"
    if node["soc_percent"] is not None:
        band = node["soc_band_percent"]
        soc = f"{node['soc_percent']:.1f}%" + ("" if band is None else f" ±{band:.1f}")
    why = node["fault"] or f"{node['by']}: {node['reason']}"
    if node["veto"]:
        why += f" (refused: {node['veto']})"
    return (
        node["uid"],
        node["state"],
        soc,
        _scaled(node["voltage_mv"], 3),
        _scaled(node["current_ma"], 3),
        _scaled(node["power_mw"], 2),
        "-" if node["temperature_c"] is None else f"{node['temperature_c']:.1f}",
        node["quality"],
        why,
    )


def _scaled(thousandths: float | None, digits: int) -> str:
    return "-" if thousandths is None else f"{thousandths / 1000:.{digits}f}"


def _cloud(document: Mapping[str, Any]) -> str:
    cloud, journal = document["cloud"], document["journal"]
    words = f"cloud: {cloud['kind']} {'up' if cloud['up'] else 'down'}"
    if cloud["problem"]:
        words += f" ({cloud['problem']})"
    if journal is not None:
        waiting = journal["live"] + journal["backlog"] + journal["energy"]
        words += f"; journal: {waiting} records wait"
    return words
