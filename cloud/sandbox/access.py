"""Who stands behind a credential in a sandbox."""

from cloud.identity.access import Access
from cloud.identity.api_keys.key import Mode
from cloud.identity.api_keys.service import ApiKeys, KeyRefused
from cloud.identity.model import Person
from cloud.identity.principal import Principal
from cloud.services import Services


class SandboxAccess(Access):
    """Tokens are the sandbox's own; test keys are the developer's, kept where a reset does not reach them.

    A key acts for `person`, who is the developer inside of the sandbox.
    """

    def __init__(self, own: Services, live_keys: ApiKeys, *, developer_id: int, person: Person) -> None:
        super().__init__(own.identity, own.oauth, own.api_keys)
        self._live_keys = live_keys
        self._developer_id = developer_id
        self._person_id = person.id
        self._own = own

    async def by_api_key(self, key: str) -> Principal:
        """Of a test key of the developer.

        Raises:
            KeyRefused: it does not work, is a live key, or somebody else's.
        """
        found = await self._live_keys.principal(key, mode=Mode.TEST)
        if found.person.id != self._developer_id:
            raise KeyRefused("X-API-Key: a key of another sandbox")
        async with self._own.store.read() as tx:
            person = await self._own.identity.person(tx, self._person_id)
        return Principal(
            person=person, scopes=found.scopes, credential=found.credential, credential_id=found.credential_id
        )
