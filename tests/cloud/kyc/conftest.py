import itertools

import pytest

from cloud.kyc.errors import KycRequired

PASSWORD = "correct horse battery"
BACK = "https://app.example.com/kyc/complete"
NUMBERS = itertools.count(1)


class Somebody:
    """A person who calls `/v1` with their own token."""

    def __init__(self, client, parts, email: str) -> None:
        self.client, self.parts, self.email = client, parts, email

    async def sign_in(self) -> None:
        body = {"email": self.email, "password": PASSWORD, "user_type": "consumer"}
        answer = await self.client.post("/api/v1/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def standing(self) -> dict:
        answer = await self.client.get("/v1/user/me/kyc", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def status(self) -> str:
        return (await self.standing())["status"]

    async def start(self, **body):
        body = {"provider": "sandbox", "return_url": BACK} | body
        return await self.client.post("/v1/user/me/kyc", json=body, headers=self.headers)

    async def started(self, **body) -> str:
        """The id of the run."""
        answer = await self.start(**body)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["verification_url"].rpartition("/")[2]

    async def is_let_in(self) -> bool:
        identity, kyc = self.parts.services.identity, self.parts.services.kyc
        async with self.parts.store.read() as tx:
            try:
                await kyc.require_verified(tx, await identity.known(tx, self.email))
            except KycRequired:
                return False
        return True


@pytest.fixture
async def somebody(client, parts):
    """Makes people: `await somebody("Ana Rao")`."""

    async def make(name: str = "Ana Maria Rao") -> Somebody:
        email = f"kyc{next(NUMBERS)}@example.com"
        body = {"email": email, "password": PASSWORD, "user_type": "consumer", "name": name}
        answer = await client.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        made = Somebody(client, parts, email)
        made.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return made

    return make
