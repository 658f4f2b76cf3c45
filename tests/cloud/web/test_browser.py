"""A person in a real browser: from nothing to a code, without scripts and without the internet."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cloud.web.conftest import Callback
from tests.cloud.web.person import PASSWORD, authorization

WIDTHS = [1280, 360]


class Watched:
    """A page with what it complained of and whom it asked."""

    def __init__(self, browser: Any, width: int, *, dark: bool = False) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 760},
            java_script_enabled=False,
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(40_000)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def is_wider_than_its_window(self) -> bool:
        box = self.page.locator("main").bounding_box()
        width: int = self.page.viewport_size["width"]
        return bool(box["x"] + box["width"] > width)

    def picture(self, folder: Path | None, name: str) -> None:
        if folder is not None:
            width = self.page.viewport_size["width"]
            self.page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)
        assert not self.is_wider_than_its_window(), name


@pytest.mark.parametrize("width", WIDTHS)
def test_a_person_signs_up_makes_an_application_allows_it_and_the_code_comes_back(
    base_url: str, callback: Callback, browser: Any, pictures: Path | None, width: int
) -> None:
    watched = Watched(browser, width, dark=width == 360)
    page = watched.page
    page.goto(base_url + "/developers/apps")
    watched.picture(pictures, "sign-in")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Name", exact=True).fill("Ana Rao")
    page.get_by_label("Email").fill(f"browser{width}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    watched.picture(pictures, "sign-up")
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Applications").wait_for()
    page.get_by_label("Name", exact=True).fill("Solar <b>Diary</b>")
    page.get_by_label("Redirect URIs").fill(callback.uri)
    page.get_by_label("read_profile").check()
    page.get_by_label("read_portfolio").check()
    watched.picture(pictures, "apps")
    page.get_by_role("button", name="Create application").click()
    client_id = page.locator("#client_id").inner_text()
    assert page.locator("#client_secret").inner_text().startswith("tl_secret_")
    watched.picture(pictures, "new-secret")

    page.goto(authorization(base_url, client_id=client_id, redirect_uri=callback.uri, state="a b&c"))
    page.get_by_role("heading", name="Allow Solar <b>Diary</b>?").wait_for()
    page.get_by_text("See your investments and portfolio").wait_for()
    watched.picture(pictures, "consent")
    page.get_by_role("button", name="Allow").click()
    page.get_by_text("You are back.").wait_for()

    said = callback.said()
    assert said["state"] == "a b&c"
    assert said["iss"] == base_url
    assert len(said["code"]) >= 40
    assert watched.complaints == []
    assert all(
        url.startswith((base_url, callback.uri, "data:")) for url in watched.asked if "favicon" not in url
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_the_portal_reads_well_and_its_keys_come_and_go(
    base_url: str, browser: Any, pictures: Path | None, width: int
) -> None:
    watched = Watched(browser, width, dark=width == 360)
    page = watched.page
    page.goto(base_url + "/sign-up?next=" + quote("/developers/keys"))
    page.get_by_label("Name", exact=True).fill("Ben")
    page.get_by_label("Email").fill(f"keys{width}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="API keys").wait_for()
    page.get_by_label("Name", exact=True).fill("Nightly report")
    page.get_by_label("read_projects").check()
    page.get_by_role("button", name="Create key").click()
    text = page.locator("#key").inner_text()
    watched.picture(pictures, "new-key")
    page.get_by_role("link", name="To your keys").click()
    page.get_by_text(text[:12]).wait_for()
    assert text not in page.content()
    watched.picture(pictures, "keys")
    page.get_by_role("button", name="Rotate").click()
    assert page.locator("#key").inner_text() != text
    page.get_by_role("link", name="To your keys").click()
    page.get_by_text("works until").wait_for()
    watched.picture(pictures, "keys-rotated")
    for left in (1, 0):
        page.get_by_role("button", name="Revoke").first.click()
        page.get_by_role("heading", name="API keys").wait_for()
        assert page.get_by_role("button", name="Revoke").count() == left

    assert watched.complaints == []
    assert all(url.startswith((base_url, "data:")) for url in watched.asked)


def test_a_wrong_field_is_told_beside_it_and_the_rest_stays(
    base_url: str, browser: Any, pictures: Path | None
) -> None:
    watched = Watched(browser, 360)
    page = watched.page
    page.goto(base_url + "/sign-up")
    page.get_by_label("Name", exact=True).fill("Cem")
    page.get_by_label("Email").fill("cem@example.com")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    page.get_by_text("Password must be at least 8 characters").wait_for()
    watched.picture(pictures, "wrong-field")

    assert page.get_by_label("Name", exact=True).input_value() == "Cem"
    assert page.get_by_label("Password").input_value() == ""
