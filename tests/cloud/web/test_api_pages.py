"""The pages that show the API, in a real browser that reaches this service and nothing else."""

from pathlib import Path
from typing import Any

import httpx
import pytest

WAIT_MS = 40_000


class Alone:
    """A page whose every request to somewhere else is cut and remembered."""

    def __init__(self, browser: Any, base_url: str) -> None:
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(WAIT_MS)
        self._base_url = base_url
        self.elsewhere: list[str] = []
        context.route("**/*", self._cut)
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _cut(self, route: Any) -> None:
        if route.request.url.startswith((self._base_url, "data:", "blob:")):
            route.continue_()
            return
        self.elsewhere.append(route.request.url)
        route.abort()


@pytest.fixture
def alone(browser: Any, base_url: str) -> Alone:
    return Alone(browser, base_url)


def test_the_explorer_shows_the_operations_and_tries_one_against_the_service(
    alone: Alone, base_url: str, pictures: Path | None
) -> None:
    page = alone.page
    page.goto(base_url + "/docs")
    page.get_by_text("Invest in renewable energy").wait_for()
    operations = page.locator(".opblock")
    operations.first.wait_for()
    document = httpx.get(base_url + "/v1/openapi.json", timeout=60).json()
    assert operations.count() == sum(len(item) for item in document["paths"].values())

    tried = page.locator("#operations-projects-list_projects")
    tried.get_by_role("button").first.click()
    tried.get_by_role("button", name="Execute").click()
    answered = tried.locator(".live-responses-table")
    answered.get_by_text("AUTHENTICATION_REQUIRED").wait_for()
    answered.get_by_text("x-request-id").wait_for()
    if pictures is not None:
        page.screenshot(path=pictures / "api-explorer.png")
    assert alone.errors == []
    assert alone.elsewhere == []


def test_the_explorer_signs_in_and_gets_a_real_answer(alone: Alone, base_url: str) -> None:
    person = {
        "email": "try@example.com",
        "password": "correct horse battery",
        "name": "Tri",
        "user_type": "consumer",
    }
    httpx.post(base_url + "/api/v1/auth/register", json=person, timeout=60).raise_for_status()
    del person["name"]
    signed_in = httpx.post(base_url + "/api/v1/auth/login", json=person, timeout=60).json()
    page = alone.page
    page.goto(base_url + "/api/docs")
    page.get_by_role("button", name="Authorize").click()
    page.get_by_label("auth-bearer-value").fill(signed_in["access_token"])
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").first.click()

    tried = page.locator("#operations-users-user_me")
    tried.get_by_role("button").first.click()
    tried.get_by_role("button", name="Execute").click()
    tried.locator(".live-responses-table").get_by_text("try@example.com").wait_for()
    assert alone.elsewhere == []


def test_the_explorer_goes_from_one_document_to_another(alone: Alone, base_url: str) -> None:
    page = alone.page
    page.goto(base_url + "/docs")
    page.get_by_text("Invest in renewable energy").wait_for()
    page.get_by_label("API", exact=True).select_option(label="Energy network")

    page.locator("#operations-iot-ping").wait_for()
    assert page.locator("#source").get_attribute("href") == "/iot/openapi.json"


def test_the_reference_is_readable(alone: Alone, base_url: str, pictures: Path | None) -> None:
    page = alone.page
    page.goto(base_url + "/api/redoc")
    page.get_by_role("heading", name="LUMEN API").wait_for()
    page.get_by_text("/api/v1/auth/register").first.wait_for()
    if pictures is not None:
        page.screenshot(path=pictures / "api-reference.png")
    assert alone.errors == []
    assert alone.elsewhere == []


def test_no_other_page_may_run_scripts(base_url: str) -> None:
    for path, has_scripts in (("/docs", True), ("/api/redoc", True), ("/sign-in", False)):
        policy = httpx.get(base_url + path, timeout=60).headers["content-security-policy"]
        assert ("script-src 'self'" in policy) == has_scripts
        assert "default-src 'none'" in policy
        assert "unsafe-eval" not in policy
        assert policy.count("'unsafe-inline'") == (1 if has_scripts else 0)


def test_the_pages_programs_are_not_sent_twice(base_url: str) -> None:
    for name in ("swagger-ui.js", "swagger-ui.css", "redoc.js", "explore.js", "read.js", "api.css"):
        first = httpx.get(f"{base_url}/web/api/{name}", timeout=60)
        assert first.status_code == 200
        again = httpx.get(
            f"{base_url}/web/api/{name}", headers={"If-None-Match": first.headers["etag"]}, timeout=60
        )
        assert (again.status_code, again.content) == (304, b"")
