"""What ingestion refuses.

CloudError
├── Forbidden
│   ├── ConsentMissing     the person does not let this source be read
│   └── NotFromTwilio      the signature is wrong, so nobody knows who asks
├── PayloadTooLarge
│   └── FileTooLarge
├── Unavailable
│   ├── NotSetUp           the operator gave no credentials for it
│   └── NeighbourFailed    Google or Twilio does not answer as it should
├── Conflict
│   └── GmailNotConnected  connect first
└── BadRequest
    └── ConnectRefused     the state is none of ours, too old, used, or of another browser
"""

from cloud.errors import BadRequest, Conflict, Forbidden, PayloadTooLarge, Unavailable


class ConsentMissing(Forbidden):
    def __init__(self, flag: str) -> None:
        super().__init__(f"{flag}: not given; PATCH /api/v1/users/me/consent first")
        self.flag = flag


class NotFromTwilio(Forbidden):
    def __init__(self) -> None:
        super().__init__("X-Twilio-Signature: missing or wrong")


class FileTooLarge(PayloadTooLarge):
    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"file: at most {bytes_max // 1_048_576} MB")
        self.bytes_max = bytes_max


class NotSetUp(Unavailable):
    def __init__(self, what: str, setting: str) -> None:
        super().__init__(f"{what}: not set up here; the operator sets {setting}")


class NeighbourFailed(Unavailable):
    """Its message holds no secret and no address with one."""


class GmailNotConnected(Conflict):
    def __init__(self) -> None:
        super().__init__("gmail: not connected; POST /api/v1/ingest/gmail/connect first")


class ConnectRefused(BadRequest):
    def __init__(self) -> None:
        super().__init__("state: unknown, used or expired, or begun elsewhere; connect again")
