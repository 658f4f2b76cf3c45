"""What the pool refuses.

CloudError
├── BadRequest
│   ├── LoanRefused        against the terms of a flash loan
│   ├── LentOut            the stake's LT are with borrowers for the next minutes
│   ├── AlreadyUnstaked
│   └── LoanClosed         repaid before, or overdue and so liquidated
└── NotFound
    ├── NoSuchStake        unknown, or someone else's
    └── NoSuchLoan
"""

from cloud.errors import BadRequest, NotFound
from shared.money import show_amount


class LoanRefused(BadRequest):
    """The message names field and limit."""


class LentOut(BadRequest):
    def __init__(self, free: int) -> None:
        super().__init__(
            f"stake_id: part of it is lent out; {show_amount(free):f} LT can be taken out now,"
            " try again when loans are repaid"
        )
        self.free = free


class AlreadyUnstaked(BadRequest):
    def __init__(self, stake_id: int) -> None:
        super().__init__(f"stake_id: {stake_id} was taken out before")


class LoanClosed(BadRequest):
    def __init__(self, loan_id: int, why: str) -> None:
        super().__init__(f"loan_id: {loan_id} {why}")


class NoSuchStake(NotFound):
    def __init__(self, stake_id: int) -> None:
        super().__init__(f"no stake {stake_id}")


class NoSuchLoan(NotFound):
    def __init__(self, loan_id: int) -> None:
        super().__init__(f"no loan {loan_id}")
