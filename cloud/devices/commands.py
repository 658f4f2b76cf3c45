"""Manual commands: leases of one node each, 30 min, signed by the service's key.

A newer command for a node takes the older one's place. A command is in force until it expires, is replaced,
or the agent refuses it.
"""

from collections.abc import Collection

import msgspec
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.kit.store import ReadTx, WriteTx
from shared.clock import Clock, from_micros
from shared.ids import new_id
from shared.messages import Action, Command, CommandAck, SignedMessage, encode
from shared.signatures import Purpose, sign

LEASE_S = 30 * 60

_COMMAND = "id, device_id, node_uid, action, peer_uid, issued_at_us, expires_at_us"
_IN_FORCE = (
    "device_id = :device_id AND expires_at_us > :now_us AND replaced_at_us IS NULL"
    " AND (accepted IS NULL OR accepted = 1)"
)


class Commands:
    """Leases and their answers; every method joins the caller's transaction."""

    def __init__(self, clock: Clock, signing_key: SigningKey) -> None:
        self._clock = clock
        self._signing_key = signing_key

    async def lease(
        self, tx: WriteTx, device_id: str, node_uid: str, action: Action, peer_uid: str | None = None
    ) -> Command:
        """Ask a node to do something for 30 min; what was asked of it before no longer counts."""
        now_us = self._clock.now_us()
        await tx.execute(
            f"UPDATE device_commands SET replaced_at_us = :now_us WHERE node_uid = :node_uid AND {_IN_FORCE}",
            {"device_id": device_id, "node_uid": node_uid, "now_us": now_us},
        )
        row = CommandRow(
            id=new_id("cmd", self._clock),
            device_id=device_id,
            node_uid=node_uid,
            action=action,
            peer_uid=peer_uid,
            issued_at_us=now_us,
            expires_at_us=now_us + LEASE_S * 1_000_000,
        )
        await tx.execute(
            f"INSERT INTO device_commands ({_COMMAND}) VALUES (:id, :device_id, :node_uid, :action,"
            " :peer_uid, :issued_at_us, :expires_at_us)",
            msgspec.structs.asdict(row),
        )
        return row.command()

    async def active_commands(self, tx: ReadTx, device_id: str) -> list[Command]:
        """The commands in force, oldest first; at most one per node."""
        rows = await tx.fetch_all(
            CommandRow,
            f"SELECT {_COMMAND} FROM device_commands WHERE {_IN_FORCE} ORDER BY number",
            {"device_id": device_id, "now_us": self._clock.now_us()},
        )
        return [row.command() for row in rows]

    async def stop(self, tx: WriteTx, device_id: str, node_uids: Collection[str] = ()) -> list[Command]:
        """Idle leases for every node that a command in force moves, and for `node_uids`, in that order."""
        moving = [
            command.node_uid
            for command in await self.active_commands(tx, device_id)
            if command.action is not Action.IDLE
        ]
        nodes = dict.fromkeys([*moving, *node_uids])
        return [await self.lease(tx, device_id, node_uid, Action.IDLE) for node_uid in nodes]

    async def command_answered(
        self, tx: WriteTx, answer: CommandAck, *, device_id: str | None = None
    ) -> bool:
        """Note the agent's first answer; False where there is no such command left to answer.

        `device_id` is who answered, where that is known: nobody answers for another.
        """
        return bool(
            await tx.execute(
                "UPDATE device_commands SET answered_at_us = :now_us, accepted = :accepted, answer = :answer"
                " WHERE id = :id AND answered_at_us IS NULL AND device_id = COALESCE(:device_id, device_id)",
                {
                    "id": answer.id,
                    "device_id": device_id,
                    "now_us": self._clock.now_us(),
                    "accepted": int(answer.accepted),
                    "answer": answer.reason,
                },
            )
        )

    def sign_command(self, command: Command) -> SignedMessage:
        """The command as it travels: its raw bytes and the service's signature over them."""
        body = encode(command)
        return SignedMessage(body=msgspec.Raw(body), signature=sign(self._signing_key, Purpose.COMMAND, body))


class CommandRow(Struct, frozen=True, kw_only=True):
    """A command as it is stored."""

    id: str
    device_id: str
    node_uid: str
    action: Action
    peer_uid: str | None
    issued_at_us: int
    expires_at_us: int

    def command(self) -> Command:
        return Command(
            id=self.id,
            device_id=self.device_id,
            node_uid=self.node_uid,
            action=self.action,
            peer_uid=self.peer_uid,
            issued_at=from_micros(self.issued_at_us),
            expires_at=from_micros(self.expires_at_us),
        )
