"""What transactions refuse.

CloudError
├── NotFound
│   └── NoSuchTransaction   unknown, or someone else's
└── Conflict
    └── ToldByAnother       it is merged; the one that stands for it is decided on
"""

from cloud.errors import Conflict, NotFound


class NoSuchTransaction(NotFound):
    def __init__(self, transaction_id: int) -> None:
        super().__init__(f"transaction {transaction_id}: unknown")
        self.transaction_id = transaction_id


class ToldByAnother(Conflict):
    def __init__(self, transaction_id: int, survivor_id: int) -> None:
        super().__init__(
            f"transaction {transaction_id}: merged into {survivor_id}; decide there, or undo the merge first"
        )
        self.transaction_id = transaction_id
        self.survivor_id = survivor_id
