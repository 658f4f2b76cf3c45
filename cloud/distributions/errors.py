"""What distributions refuse.

CloudError
├── NotFound
│   └── NoSuchDistribution    unknown, or without a share for the caller
├── Conflict
│   └── AlreadyDeclared       one for each project and quarter
└── Unprocessable
    └── NobodyHolds           at the record date nobody had ownership tokens
"""

from cloud.errors import Conflict, NotFound, Unprocessable


class NoSuchDistribution(NotFound):
    def __init__(self, distribution_id: str) -> None:
        super().__init__(f"distribution {distribution_id[:120]}: unknown")
        self.distribution_id = distribution_id


class AlreadyDeclared(Conflict):
    def __init__(self, distribution_id: str) -> None:
        super().__init__(f"{distribution_id} was declared before")
        self.distribution_id = distribution_id


class NobodyHolds(Unprocessable):
    def __init__(self, record_date: str) -> None:
        super().__init__(f"record_date: nobody had ownership tokens at the end of {record_date}")
