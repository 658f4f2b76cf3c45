"""Many entries of one use case, whose transactions on the chain are made together."""

from cloud.kit.store import WriteTx
from cloud.ledger.chain import Chain, Issued
from cloud.ledger.double_entry import issued
from cloud.ledger.model import Entry, PostedEntry
from cloud.ledger.posting import EntryPoster


class EntryBatch:
    """Made by `Ledger.batch`."""

    def __init__(self, tx: WriteTx, poster: EntryPoster, chain: Chain | None) -> None:
        self._tx = tx
        self._poster = poster
        self._chain = chain
        self._issued: list[Issued] = []

    async def post(self, entry: Entry) -> PostedEntry:
        """As `Ledger.post`, with the same refusals; the transaction on the chain is made by `flush`."""
        posted = await self._poster.post(self._tx, entry)
        minted, burned = issued(entry.postings)
        if minted or burned:
            self._issued.append(Issued(posted.id, minted, burned))
        return posted

    async def flush(self) -> None:
        """Hand over to the chain what is for it; without it the use case must not end well."""
        if self._chain is not None and self._issued:
            await self._chain.record(self._tx, self._issued)
        self._issued.clear()
