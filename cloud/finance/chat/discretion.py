"""What is kept of a conversation with somebody whose purchases are sealed: nothing that names a seller."""

from cloud.finance.chat.query import Query

NOT_KEPT = "Not kept: what you buy is sealed to your devices."
"""In the history, in the place of question and answer, which may repeat a name from the question."""


def nameless(query: Query | None) -> Query | None:
    """What a later question may refer to; None where it names a seller."""
    if query is None or any(one.sellers or one.without_sellers for one in query.selections):
        return None
    return query
