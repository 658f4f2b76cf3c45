"""What a chat refuses.

CloudError
├── NotFound
│   └── NoSuchSession      unknown, or given way to newer ones
├── Forbidden
│   └── ForeignSession     somebody else's
└── Unprocessable
    └── TooMuchToRemember
"""

from cloud.errors import Forbidden, NotFound, Unprocessable


class NoSuchSession(NotFound):
    def __init__(self, session_id: int) -> None:
        super().__init__(f"session {session_id}: unknown; start one by POST /api/v1/chat/session")
        self.session_id = session_id


class ForeignSession(Forbidden):
    def __init__(self, session_id: int) -> None:
        super().__init__(f"session {session_id}: not yours")
        self.session_id = session_id


class TooMuchToRemember(Unprocessable):
    def __init__(self, most: int) -> None:
        super().__init__(f"key: {most} are remembered already; use one of them again")
        self.most = most
