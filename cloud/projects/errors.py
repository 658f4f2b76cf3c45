"""What projects refuse.

CloudError
├── BadRequest
│   └── BadListing               a filter or sort that is none, or a search that cannot be run
├── NotFound
│   ├── NoSuchProject
│   └── NoSuchDocument
├── Conflict
│   └── ProjectExists
├── PayloadTooLarge
│   └── DocumentTooLarge
└── Unprocessable
    └── InvestmentUnavailable    closed, past its deadline, or without so much room
"""

from cloud.errors import BadParameter, Conflict, NotFound, PayloadTooLarge, Unprocessable


class BadListing(BadParameter):
    """The message says what the parameter may be."""


class NoSuchProject(NotFound):
    def __init__(self, project_id: str) -> None:
        super().__init__(f"project {project_id[:80]}: unknown")
        self.project_id = project_id


class NoSuchDocument(NotFound):
    def __init__(self, document_id: str) -> None:
        super().__init__(f"document {document_id[:80]}: unknown")
        self.document_id = document_id


class ProjectExists(Conflict):
    def __init__(self, project_id: str) -> None:
        super().__init__(f"id: {project_id} is taken")
        self.project_id = project_id


class DocumentTooLarge(PayloadTooLarge):
    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"file: larger than {bytes_max} bytes")
        self.bytes_max = bytes_max


class InvestmentUnavailable(Unprocessable):
    """Nothing was reserved."""

    code = "INVESTMENT_UNAVAILABLE"
