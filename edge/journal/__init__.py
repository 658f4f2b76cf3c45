"""The journal: what was measured and is not yet stored by the cloud, and what a restart must not lose.

It turns measurements into three streams of records (live, backlog, energy), each contiguous under one
`journal_id`, and forgets a record only when the cloud's own acknowledgement covers it. Beside them it keeps
a small state (estimates, totals, counters) and one day of telemetry for the status page.

Loss bound: after any power cut at most 60 s of telemetry and state, and no energy report. `edge.journal.disk`
says why that holds.
"""
