"""What `lumengrid edge replay` prints: rows as CSV, and how well they agree with the truth."""

from collections.abc import Iterable, Iterator
from typing import TextIO

from edge.replay import SETTLED_S, Judgement, ReplayRow, judge

HEADER = "time_s,soc,band,truth"


def write_rows(rows: Iterable[ReplayRow], output: TextIO) -> Iterator[str]:
    """Write each row as it comes; then the lines that judge them all."""
    kept: list[ReplayRow] = []
    output.write(HEADER + "\n")
    for row in rows:
        truth = "" if row.truth_percent is None else f"{row.truth_percent:.4f}"
        output.write(f"{row.time_s:g},{row.soc_percent:.4f},{row.band_percent:.4f},{truth}\n")
        kept.append(row)
    output.flush()
    whole, settled = judge(kept), judge(kept, from_s=SETTLED_S)
    if not kept:
        yield "no good voltage in the whole recording"
    elif whole is None:
        yield f"{len(kept)} rows; the recording has no SOC column to compare with"
    else:
        yield _line("whole recording", whole)
        if settled is not None:
            yield _line(f"after {SETTLED_S / 60:.0f} min", settled)


def _line(name: str, judged: Judgement) -> str:
    return (
        f"{name}: RMSE {judged.rmse_points:.3f} points, "
        f"band holds the truth in {judged.coverage_percent:.2f} % of {judged.rows} rows"
    )
