"""`/developers/webhooks`: an endpoint made, looked at, its secret rotated, a delivery sent again."""

import re

from tests.cloud.web.person import Person

PATH = "/developers/webhooks"
URL = "http://127.0.0.1:9/hook"


def create(person: Person, **fields: object) -> tuple[str, str]:
    """The endpoint's id and secret."""
    wish = {"url": URL, "events": ["project.update", "investment.created"], "client_id": ""} | fields
    answer = person.send(PATH, wish)
    assert answer.status_code == 201, answer.text
    secret = re.search(r'id="secret">(whsec_[^<]+)<', answer.text)
    id_ = re.search(r"/developers/webhooks/(hook_\w+)", answer.text)
    assert secret is not None
    assert id_ is not None
    return id_[1], secret[1]


def test_a_secret_is_shown_once(ana: Person) -> None:
    id_, secret = create(ana)
    page = ana.http.get(f"{PATH}/{id_}").text
    assert "investment.created, project.update" in page
    assert secret not in page
    assert URL in ana.http.get(PATH).text


def test_rotating_gives_another(ana: Person) -> None:
    id_, secret = create(ana)
    answer = ana.send(f"{PATH}/{id_}/rotate", {}, on=f"{PATH}/{id_}")
    assert answer.status_code == 201
    assert 'id="secret">whsec_' in answer.text
    assert secret not in answer.text


def test_it_is_disabled_enabled_and_deleted(ana: Person) -> None:
    id_, _ = create(ana)
    page = f"{PATH}/{id_}"
    assert ana.send(f"{page}/disable", {}, on=page).status_code == 303
    assert "Disabled by you" in ana.http.get(page).text
    assert ana.send(f"{page}/enable", {}, on=page).status_code == 303
    assert "Disabled by you" not in ana.http.get(page).text
    assert ana.send(f"{page}/delete", {}, on=page).status_code == 303
    assert ana.http.get(page).status_code == 404


def test_a_wrong_wish_is_told_at_its_field_and_kept(ana: Person) -> None:
    answer = ana.send(PATH, {"url": "https://10.0.0.1/x", "description": "my receiver", "client_id": "other"})
    assert answer.status_code == 422
    assert "10.0.0.1 is not a public address" in answer.text
    assert "Choose at least one" in answer.text
    assert "Not an application of yours" in answer.text
    assert 'value="my receiver"' in answer.text


def test_an_endpoint_of_somebody_else_is_unknown(ana: Person, base_url: str) -> None:
    id_, _ = create(ana)
    other = Person(base_url)
    other.sign_up()
    assert other.http.get(f"{PATH}/{id_}").status_code == 404
    assert other.send(f"{PATH}/{id_}/delete", {}, on=PATH).status_code == 404
    assert ana.http.get(f"{PATH}/{id_}").status_code == 200
    other.close()


def test_without_the_forms_code_nothing_happens(ana: Person) -> None:
    assert ana.http.post(PATH, data={"url": URL, "events": "project.update"}).status_code == 403
