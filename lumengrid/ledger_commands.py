"""`lumengrid ledger …`: what anyone may do with the public book. Needs the base installation alone."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.clock import SystemClock, rfc3339, to_micros
from shared.money import show_amount

if TYPE_CHECKING:
    from cloud.audit.verifier import Accepted, Verifier
    from lumengrid.ledger_source import Budget
    from shared.messages import TreeHead

LIES = 1
CANNOT_TELL = 2
TRIES = 5
"""Of a download that ends early, without a new leaf between them."""
_KEY = re.compile(r"[0-9a-f]{64}")


@click.group()
def ledger() -> None:
    """The public book, checked by anyone."""


@ledger.command("verify")
@click.argument("sources", nargs=-1, required=True, metavar="URL|FILE...")
@click.option("--key", help="The cloud's public key as you know it, 64 hex digits.")
@click.option(
    "--from-head",
    "head_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="An answer of /api/v1/ledger/root that you kept: the log must go on from there.",
)
@click.option("--max-mib", type=click.IntRange(1), default=4096, show_default=True, help="Of a download.")
@click.option("--max-minutes", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Likewise.")
def verify(
    sources: tuple[str, ...], key: str | None, head_file: Path | None, max_mib: int, max_minutes: float
) -> None:
    """Check an export from its meters' signatures to its root.

    URL is a service or its export; FILE is an export, several are the parts of an interrupted download, in
    order. Exits 0 when everything holds, 1 with the first entry that lies, 2 when it cannot be told.
    """
    from cloud.audit.errors import CannotJudge, Lie
    from cloud.audit.verifier import Verifier
    from lumengrid.ledger_source import Budget, SourceFailed

    if key is not None and _KEY.fullmatch(key) is None:
        raise click.BadParameter("must be 64 hex digits, lower case", param_hint="--key")
    earlier = None if head_file is None else _read_head(head_file)
    clock = SystemClock()
    budget = Budget(bytes_max=max_mib * 2**20, seconds_max=max_minutes * 60, monotonic=clock.monotonic)
    verifier = Verifier(pinned_key=key, earlier=earlier)
    begun_s = clock.monotonic()
    try:
        for source in sources:
            _read(verifier, source, budget)
        accepted = verifier.finish()
    except Lie as lie:
        click.echo(f"NOT ACCEPTED: {lie}", err=True)
        sys.exit(LIES)
    except (CannotJudge, SourceFailed) as error:
        click.echo(f"cannot tell: {error}", err=True)
        sys.exit(CANNOT_TELL)
    _show(accepted, seconds=clock.monotonic() - begun_s, pinned=key is not None, earlier=earlier)


def _read(verifier: "Verifier", source: str, budget: "Budget") -> None:
    from lumengrid.ledger_source import Cut, SourceFailed, file_lines, is_url, url_lines

    with _progress() as progress:
        if not is_url(source):
            verifier.read(file_lines(Path(source)), progress)
            return
        tries = 0
        while tries < TRIES:
            had = verifier.last_index
            try:
                verifier.read(url_lines(source, after=had, budget=budget), progress)
                reason = "it ends before its trailer"
            except Cut as error:
                reason = str(error)
            if verifier.whole:
                return
            tries = tries + 1 if verifier.last_index == had else 0
        raise SourceFailed(f"{source}: cut short {TRIES} times without a new entry: {reason}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """One live line on a terminal, nothing elsewhere."""
    live = sys.stderr.isatty()

    def show(read: int, size: int) -> None:
        if live:
            click.echo(f"\r{read:,} of {size:,} entries", nl=False, err=True)

    try:
        yield show
    finally:
        if live:
            click.echo("\r" + " " * 60 + "\r", nl=False, err=True)


def _read_head(path: Path) -> "TreeHead":
    import msgspec

    from shared.messages import TreeHead

    try:
        fields = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        return msgspec.convert(
            {name: fields[name] for name in TreeHead.__struct_fields__ if name in fields}, TreeHead
        )
    except (msgspec.MsgspecError, OSError, ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path} is no tree head: {error}", param_hint="--from-head") from None


def _show(accepted: "Accepted", *, seconds: float, pinned: bool, earlier: "TreeHead | None") -> None:
    kwh = f"{show_amount(accepted.energy_mwh, decimals=6):f}"
    signed = f"{show_amount(accepted.signed_mwh, decimals=6):f}"
    head = accepted.head
    click.echo(f"accepted: {accepted.entries:,} entries, every one as it must be ({seconds:.1f} s)")
    click.echo(f"  mints    {accepted.mints:,}, {kwh} kWh, of which {signed} kWh signed by meters")
    if accepted.mints:
        scales = ", ".join(f"{scale:,}" for scale in accepted.scales)
        click.echo(f"  rules    policy {', '.join(accepted.policies)}; measured energy times {scales}")
    click.echo(
        f"  LT       {show_amount(accepted.minted):f} minted,"
        f" {show_amount(accepted.in_existence):f} in existence"
    )
    click.echo(f"  devices  {accepted.devices:,} with {accepted.keys:,} keys")
    click.echo(f"  prices   {accepted.prices:,}")
    click.echo(f"  head     {head.tree_size} {head.root_hash} of {rfc3339(to_micros(head.utc))}")
    click.echo(f"  key      {accepted.public_key}")
    if earlier is not None:
        click.echo(f"  history  unchanged since the {earlier.tree_size:,} entries of the earlier head")
    if not pinned:
        click.echo(
            "warning: the key is the export's own: get the cloud's key elsewhere (an enrolled device has it)"
            " and pass it with --key",
            err=True,
        )
