"""Somebody at the pages without a browser: follows links, fills in forms, keeps cookies."""

import html
import itertools
import re
from typing import Any
from urllib.parse import urlencode

import httpx

PASSWORD = "correct horse battery"
_NUMBERS = itertools.count(1)


class Person:
    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.http = httpx.Client(base_url=base_url)
        self.email = f"ana{next(_NUMBERS)}@example.com"

    def close(self) -> None:
        self.http.close()

    def form_code(self, path: str) -> str:
        """As the form on a page has it."""
        return hidden(self.http.get(path).text, "form_code")

    def send(self, path: str, fields: dict[str, Any], *, on: str | None = None) -> httpx.Response:
        """Send the form of the page `on`, else of the page it is sent to."""
        code = self.form_code(on or path)
        return self.http.post(path, data={"form_code": code, **fields})

    def sign_up(self) -> None:
        answer = self.send("/sign-up", {"email": self.email, "password": PASSWORD, "name": "Ana"})
        assert answer.status_code == 303, answer.text

    def register(self, redirect_uri: str, *, kind: str = "confidential", **fields: Any) -> dict[str, str]:
        """Client id and, for a confidential application, secret of a new one."""
        wish = {
            "name": "Solar Diary",
            "kind": kind,
            "redirect_uris": redirect_uri,
            "scopes": ["read_profile", "write_profile", "read_portfolio"],
        }
        answer = self.send("/developers/apps", wish | fields)
        assert answer.status_code == 201, answer.text
        found = re.findall(r'id="(client_id|client_secret)">([^<]+)<', answer.text)
        return dict(found)

    def decide(self, url: str, decision: str = "allow") -> str:
        """Where the person is sent on to after what they said to an application's request."""
        asked = self.http.get(url)
        assert asked.status_code == 200, asked.text
        fields = {
            "form_code": hidden(asked.text, "form_code"),
            "query": hidden(asked.text, "query"),
            "decision": decision,
        }
        answer = self.http.post("/oauth/authorize", data=fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


def authorization(base_url: str, **parameters: str) -> str:
    return f"{base_url}/oauth/authorize?{urlencode({'response_type': 'code', **parameters})}"
