"""What webhooks refuse.

CloudError
├── NotFound
│   ├── NoSuchEndpoint      unknown, or someone else's
│   └── NoSuchDelivery      the endpoint was never sent such an event, or it is forgotten
├── Forbidden
│   └── NotTheOwner         the application is somebody else's
└── Conflict
    └── EndpointDisabled    it is sent nothing until it is enabled
"""

from cloud.errors import Conflict, Forbidden, NotFound


class NoSuchEndpoint(NotFound):
    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"webhook endpoint {endpoint_id[:80]}: unknown")
        self.endpoint_id = endpoint_id


class NoSuchDelivery(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"delivery of {name[:80]}: unknown")
        self.name = name


class NotTheOwner(Forbidden):
    def __init__(self) -> None:
        super().__init__("webhooks of an application are its owner's business")


class EndpointDisabled(Conflict):
    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"webhook endpoint {endpoint_id}: disabled; enable it first")
        self.endpoint_id = endpoint_id
