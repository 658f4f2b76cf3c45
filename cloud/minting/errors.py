"""What minting refuses.

CloudError
├── BadRequest
│   └── ReportRefused      the report will never be minted; its device may let go of it
├── NotFound
│   └── NoSuchHeldMint
└── Conflict
    └── AlreadyDecided     a held mint is released or burned once
"""

from cloud.errors import BadRequest, Conflict, NotFound


class ReportRefused(BadRequest):
    """For good: the same report gets the same answer."""


class NoSuchHeldMint(NotFound):
    def __init__(self, mint_id: int) -> None:
        super().__init__(f"mint {mint_id}: nothing of it was held")
        self.mint_id = mint_id


class AlreadyDecided(Conflict):
    def __init__(self, mint_id: int, state: str) -> None:
        super().__init__(f"mint {mint_id}: already {state}")
        self.mint_id = mint_id
        self.state = state
