from cloud.errors import BadRequest, Conflict, Unauthenticated, Unavailable


class NotOfASandbox(Unauthenticated):
    """No credential, or one of the other side."""

    def __init__(self) -> None:
        super().__init__(
            "the sandbox takes test credentials only: a key that begins with tl_test_ as X-API-Key, or an"
            " access token of one of its own applications"
        )


class SandboxFull(Conflict):
    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"this sandbox holds {bytes_max >> 20} MiB, the most it may: reset it")


class SandboxesBusy(Unavailable):
    def __init__(self) -> None:
        super().__init__("all sandboxes that may be open are in use: try again in a moment")


class BadMove(BadRequest):
    """The clock goes forward, and not without end."""


class NothingToDecide(Conflict):
    def __init__(self) -> None:
        super().__init__("no verification waits: begin one with POST /sandbox/v1/user/me/kyc")
