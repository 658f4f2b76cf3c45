"""The clients and a service as anyone would start it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

import terra_lumina
from lumengrid.processes import free_port
from terra_lumina import OAuthApp, TerraLumina
from tests.clients.snippets import snippets
from tests.cloud.web.person import Person

HOST = "127.0.0.1"
START_TIMEOUT_S = 60
SCOPES = ["read_profile", "read_projects", "read_portfolio", "read_returns", "make_investments"]
PROJECT = "prj_sunrise_solar"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("live")
    port = free_port(HOST)
    settings = {
        "LUMENGRID_PORT": str(port),
        "LUMENGRID_DATA_DIR": str(folder),
        "LUMENGRID_PROJECT_CATALOGUE": "sample",
        "LUMENGRID_RATE_LIMIT_PER_MINUTE": "0",
        "LUMENGRID_SIGN_INS_PER_MINUTE": "0",
    }
    with (folder / "log").open("w") as log:
        program = [sys.executable, "-m", "lumengrid", "cloud", "run"]
        process = subprocess.Popen(program, env={**os.environ, **settings}, stdout=log, stderr=log)
    url = f"http://{HOST}:{port}"
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready(url):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(60)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=20).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def investor(service: str) -> Iterator[Person]:
    person = Person(service)
    person.sign_up()
    yield person
    person.close()


@pytest.fixture(scope="module")
def key(investor: Person) -> str:
    return new_key(investor, SCOPES)


def new_key(person: Person, scopes: list[str]) -> str:
    answer = person.send("/developers/keys", {"name": "notebook", "scopes": scopes})
    return re.findall(r"tl_live_\w+", answer.text)[0]


@pytest.fixture
def api(service: str, key: str) -> Iterator[TerraLumina]:
    with TerraLumina(key, base_url=f"{service}/v1") as client:
        yield client


def test_projects_are_listed_searched_and_shown(api: TerraLumina) -> None:
    listed = list(api.projects.list(limit=2, sort="funded"))
    found = list(api.projects.search("sunrise", filters={"technology": "solar"}))
    project = api.projects.get(PROJECT)

    assert len(listed) > 2
    assert len({one.id for one in listed}) == len(listed)
    assert PROJECT in {one.id for one in found}
    assert project.funding_percentage == project.financial.funding_percentage
    assert list(api.projects.updates(PROJECT)) is not None


def test_refusals_of_the_service_are_typed(service: str, api: TerraLumina) -> None:
    with pytest.raises(terra_lumina.NotFoundError) as raised:
        api.projects.get("prj_nowhere")
    assert raised.value.request_id
    with pytest.raises(terra_lumina.KycRequiredError):
        api.investments.create(project_id=PROJECT, amount=500.00)
    with pytest.raises(terra_lumina.PermissionDeniedError):
        api.user.update(name="Jane")
    stranger = TerraLumina("tl_live_no_such_key", base_url=f"{service}/v1")
    with pytest.raises(terra_lumina.AuthenticationError):
        stranger.portfolio.get()


def test_an_application_signs_its_user_in_and_the_token_is_renewed_and_revoked(
    service: str, investor: Person
) -> None:
    back = "http://127.0.0.1:9/callback"
    made = investor.register(back, scopes=SCOPES)
    app = OAuthApp(**made, redirect_uri=back, authorize_url=f"{service}/oauth/authorize")
    with TerraLumina(app=app, base_url=f"{service}/v1") as client:
        request = app.authorization_request(["read_profile", "read_projects"])
        first = client.oauth.finish(investor.decide(request.url), request)
        second = client.oauth.refresh()

        assert client.user.get().email == investor.email
        assert first.access_token != second.access_token
        client.oauth.revoke()
        with pytest.raises(terra_lumina.AuthenticationError):
            client.user.get()


@pytest.fixture(scope="module")
def verified(service: str, investor: Person) -> None:
    """The investor clicked through the sandbox's page."""
    key = new_key(investor, ["write_profile", "read_profile"])
    with TerraLumina(key, base_url=f"{service}/v1") as client:
        back = "https://yourapp.com/kyc/complete"
        page = client.user.start_kyc(provider="sandbox", return_url=back).verification_url
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', investor.http.get(page).text))
        investor.http.post(page, data=fields | {"decision": "verify"})
        deadline = time.monotonic() + START_TIMEOUT_S
        while client.user.kyc().status != "verified":
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.usefixtures("verified")
def test_the_document_s_snippet(
    service: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERRA_LUMINA_BASE_URL", f"{service}/v1")

    exec(snippets("python", "python")[""].replace("your_api_key", key), {})

    said = capsys.readouterr().out
    assert "% funded\n" in said
    assert re.search(r"^Invested \$500(\.00)? in ", said, re.M)
    assert re.search(r"^Total return: 0(\.0)?%$", said, re.M)


@pytest.mark.usefixtures("verified")
def test_one_key_is_one_investment(api: TerraLumina) -> None:
    wish = {"project_id": PROJECT, "amount": "19.90", "idempotency_key": "order 7"}
    first, again = api.investments.create(**wish), api.investments.create(**wish)

    assert first.id == again.id
    assert api.investments.get(first.id).amount == Decimal("19.90")
    assert first.id in {one.id for one in api.investments.list(status="pending")}


@pytest.mark.usefixtures("verified")
def test_a_stream_tells_what_was_missed(service: str, investor: Person, api: TerraLumina) -> None:
    api.investments.create(project_id=PROJECT, amount=20)
    back = "http://127.0.0.1:9/callback"
    app = OAuthApp(
        **investor.register(back, scopes=SCOPES),
        redirect_uri=back,
        authorize_url=f"{service}/oauth/authorize",
    )
    with TerraLumina(app=app, base_url=f"{service}/v1") as client:
        request = app.authorization_request(["read_portfolio", "read_projects"])
        client.oauth.finish(investor.decide(request.url), request)

        updates = client.stream(portfolio=True, projects=[PROJECT], after=0)
        types = {next(updates).type}
        updates.close()
        events = list(client.events.list(limit=1))

    assert types <= {"portfolio_update", "project_update"}
    assert "investment.created" in {event.type for event in events}


@pytest.mark.usefixtures("verified")
@pytest.mark.xdist_group("npm")
def test_the_document_s_typescript_snippet(service: str, key: str, typescript_client: Path) -> None:
    snippet = snippets("typescript", "typescript")[""].replace("your_api_key", key)

    found = subprocess.run(
        ["node", "--input-type=module", "-e", snippet],
        cwd=typescript_client,
        env={**os.environ, "TERRA_LUMINA_BASE_URL": f"{service}/v1"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert found.stdout == "Total return: 0%\n", found.stderr
