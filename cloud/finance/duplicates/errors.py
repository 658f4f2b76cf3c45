"""Why nothing can be taken apart."""

from cloud.errors import Conflict


class NotMerged(Conflict):
    """It stands for itself already."""

    def __init__(self, transaction_id: int) -> None:
        super().__init__(f"transaction {transaction_id} is not merged into another")
