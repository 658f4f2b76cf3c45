"""What answers a request: the application's own parts, or others that its connection was handed.

One routing tree can serve many: whoever stands in front of it puts parts into the connection's state, under
`PARTS`, and everything that looks here works on those. Without them it is what `app.state.parts` holds.
"""

from typing import Any

from litestar.connection import ASGIConnection

PARTS = "parts"


def parts_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Any:
    """With at least `clock` and `services`."""
    handed = connection.scope["state"].get(PARTS)
    return connection.app.state.parts if handed is None else handed
