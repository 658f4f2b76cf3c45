"""Settings from file, environment and keywords; a wrong one is named with its value."""

from pathlib import Path

import pytest

from cloud.settings import Settings, SettingsError, load_settings


def test_the_environment_wins_over_the_file_and_a_keyword_over_both(tmp_path: Path) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text('port = 1\nhost = "10.0.0.1"\ngrid_zone = "Europe/Berlin"\n')

    settings = load_settings(file, {"LUMENGRID_PORT": "2", "LUMENGRID_HOST": "10.0.0.2"}, port=3)

    assert (settings.port, settings.host, settings.grid_zone) == (3, "10.0.0.2", "Europe/Berlin")


def test_folders_and_files_are_paths_wherever_they_come_from(tmp_path: Path) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text('mqtt_ca_file = "/etc/ssl/ca.pem"\n')

    settings = load_settings(file, {"LUMENGRID_DATA_DIR": "/var/lib/lumengrid"})

    assert settings.mqtt_ca_file == Path("/etc/ssl/ca.pem")
    assert settings.data_dir == Path("/var/lib/lumengrid")
    assert load_settings(None, {}, data_dir=tmp_path).data_dir == tmp_path
    assert load_settings(None, {}).mqtt_ca_file is None


def test_proxies_are_a_list_with_commas() -> None:
    settings = load_settings(None, {"LUMENGRID_TRUSTED_PROXIES": "10.0.0.1,10.0.0.2"})

    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    "name, value",
    [
        ("port", "65536"),
        ("port", "http"),
        ("network", "mainnet"),
        ("grid_zone", "Mars/Olympus"),
        ("plausibility_tolerance", "1.5"),
        ("database_url", "mysql://x"),
        ("database_url", "sqlite:other.sqlite"),
        ("database_url", "postgresql://user@host"),
        ("database_url", ""),
        ("device_trust", "everyone"),
        ("constant_sign_in", "perhaps"),
        ("open_energy_scale", "0"),
        ("rate_limit_per_minute", "-1"),
        ("sign_ins_per_minute", "many"),
        ("public_url", "grid.example.com"),
        ("public_url", "https://grid.example.com/"),
        ("public_url", "ftp://grid.example.com"),
        ("public_url", "https://" + "x" * 49),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"(?s)settings: {name} = '{value}'"):
        load_settings(None, {f"LUMENGRID_{name.upper()}": value})


STRIPE = {"stripe_secret_key": "sk_test_hunter2", "stripe_webhook_secret": "whsec_hunter2"}
ONFIDO = {
    "onfido_api_token": "hunter2",
    "onfido_webhook_token": "hunter2",
    "onfido_workflow_id": "3d1a2b",
}


@pytest.mark.parametrize("missing", [*STRIPE, *ONFIDO])
def test_a_provider_without_all_it_needs_stops_the_start(missing: str) -> None:
    whole = {"payments_provider": "stripe", **STRIPE, "kyc_provider": "onfido", **ONFIDO}

    assert "hunter" not in repr(load_settings(None, {}, **whole))
    with pytest.raises(SettingsError, match=f"{missing}: required"):
        load_settings(None, {}, **{name: value for name, value in whole.items() if name != missing})


@pytest.mark.parametrize("name", ["stripe_url", "onfido_url"])
def test_secrets_go_to_providers_encrypted_or_stay_on_this_machine(name: str) -> None:
    whole = {"payments_provider": "stripe", **STRIPE, "kyc_provider": "onfido", **ONFIDO}

    load_settings(None, {}, **whole, **{name: "http://127.0.0.1:12111"})
    for url in ("http://api.example.com", "http://127.0.0.1.example.com", "ftp://x", "https://x/?y"):
        with pytest.raises(SettingsError, match=name):
            load_settings(None, {}, **whole, **{name: url})


GOOGLE = {"google_client_id": "hunter.apps", "google_client_secret": "hunter2"}
TWILIO = {
    "twilio_account_sid": "AC1",
    "twilio_auth_token": "hunter2",
    "twilio_number": "+14155238886",
}


@pytest.mark.parametrize("whole", [GOOGLE, TWILIO], ids=["google", "twilio"])
def test_what_belongs_together_is_set_together(whole: dict[str, str]) -> None:
    assert "hunter2" not in repr(load_settings(None, {}, **whole))
    for missing in whole:
        with pytest.raises(SettingsError, match=f"{missing}: required"):
            load_settings(None, {}, **{name: value for name, value in whole.items() if name != missing})


@pytest.mark.parametrize("name", ["google_auth_url", "google_token_url", "gmail_url", "twilio_url"])
def test_what_people_let_us_read_travels_encrypted(name: str) -> None:
    load_settings(None, {}, **GOOGLE, **TWILIO, **{name: "http://127.0.0.1:12111"})
    with pytest.raises(SettingsError, match=name):
        load_settings(None, {}, **GOOGLE, **TWILIO, **{name: "http://api.example.com"})


@pytest.mark.parametrize("text", ["prot = 8080", "port = ", "data_dir = 7"])
def test_a_file_that_cannot_be_understood_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text(text)

    with pytest.raises(SettingsError, match="settings"):
        load_settings(file, {})


@pytest.mark.parametrize(
    "loose",
    [
        {"device_trust": "open"},
        {"plausibility_policy": "flag"},
        {"constant_sign_in": True},
        {"project_catalogue": "sample"},
        {"payments_provider": "sandbox"},
        {"kyc_provider": "sandbox"},
    ],
)
def test_the_public_network_refuses_loose_settings(loose: dict[str, object]) -> None:
    tight = {"device_trust": "signed", "plausibility_policy": "reject", "constant_sign_in": False}
    tight |= {"payments_provider": "stripe", **STRIPE, "kyc_provider": "onfido", **ONFIDO}

    assert not load_settings(None, {}, network="public", **tight).open_trust
    with pytest.raises(SettingsError, match=next(iter(loose))):
        load_settings(None, {}, network="public", **{**tight, **loose})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://grid:hunter2@db.example.com:5432/grid",
        "postgres://grid:hunter2:3@/grid?host=/run/postgresql",
        "postgresql://grid@db/grid?sslmode=require&password=hunter2&application_name=x",
    ],
)
def test_the_password_in_a_database_url_is_not_printed(url: str) -> None:
    shown = repr(load_settings(None, {"LUMENGRID_DATABASE_URL": url}))

    assert "hunter" not in shown
    assert "grid" in shown


def test_the_password_in_a_wrong_database_url_is_not_printed() -> None:
    with pytest.raises(SettingsError, match="database_url") as caught:
        load_settings(None, {"LUMENGRID_DATABASE_URL": "postgresql://grid:hunter2@db"})

    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_printed() -> None:
    shown = repr(Settings(mqtt_password="hunter2", mqtt_device_secret="hunter3"))

    assert "hunter" not in shown
    assert "mqtt_password='***'" in shown
