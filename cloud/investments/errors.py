"""What investments refuse, beside what projects and KYC do.

CloudError
└── NotFound
    └── NoSuchInvestment    unknown, or someone else's
"""

from cloud.errors import NotFound


class NoSuchInvestment(NotFound):
    def __init__(self, investment_id: str) -> None:
        super().__init__(f"investment {investment_id[:80]}: unknown")
        self.investment_id = investment_id
