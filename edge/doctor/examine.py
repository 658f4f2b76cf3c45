"""All checks in the order in which they depend on each other."""

import asyncio
from pathlib import Path

from edge.config import EdgeConfig
from edge.config_file import load_config
from edge.doctor.broker import check_broker
from edge.doctor.clock_sync import check_clock
from edge.doctor.copper import check_copper
from edge.doctor.disk import check_disk
from edge.doctor.enrolment import check_enrolment
from edge.doctor.finding import Finding, fail, ok
from edge.doctor.machine import Machine
from edge.doctor.page import check_page
from edge.doctor.relays import check_after_death, move_each, position_unknown
from edge.doctor.watchdog import check_watchdog
from edge.errors import ConfigWrong
from hardware.board import find_board
from hardware.board_model import Board
from hardware.errors import BadBoard


async def examine(machine: Machine, config_file: Path, *, move_relays: bool = False) -> list[Finding]:
    """Every check that can be made; `move_relays` only after a person agreed to it."""
    findings: list[Finding] = []
    config = _settings(config_file, findings)
    board = None if config is None else _board(config, findings)
    if board is not None:
        findings += await asyncio.to_thread(check_copper, machine, board)
    findings += [check_clock(machine), check_after_death(machine)]
    findings += check_watchdog(machine)
    if config is None:
        return findings
    findings += await asyncio.to_thread(check_disk, machine, config)
    findings += await check_enrolment(config)
    findings.append(await asyncio.to_thread(check_broker, machine, config))
    findings += await check_page(config)
    if board is not None:
        if move_relays:
            findings += await asyncio.to_thread(move_each, machine, config, board)
        else:
            findings.append(position_unknown())
    return findings


def _settings(config_file: Path, findings: list[Finding]) -> EdgeConfig | None:
    try:
        config = load_config(config_file)
    except ConfigWrong as error:
        findings.append(
            fail(
                "settings",
                str(error),
                f"correct {config_file}; where there is none `sudo -u lumengrid lumengrid edge init` writes "
                "it; where it may not be read put `sudo -u lumengrid` in front",
            )
        )
        return None
    findings.append(ok("settings", f"{config_file}: device {config.device_id}"))
    return config


def _board(config: EdgeConfig, findings: list[Finding]) -> Board | None:
    try:
        board = find_board(config.board)
    except BadBoard as error:
        findings.append(
            fail("board", str(error), f"correct the board file, or `board` in the settings: {config.board}")
        )
        return None
    findings.append(ok("board", f"{config.board}: {len(board.nodes)} nodes, {len(board.chips)} chips"))
    return board
