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


@pytest.mark.parametrize("text", ["prot = 8080", "port = ", "data_dir = 7"])
def test_a_file_that_cannot_be_understood_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text(text)

    with pytest.raises(SettingsError, match="settings"):
        load_settings(file, {})


@pytest.mark.parametrize(
    "loose", [{"device_trust": "open"}, {"plausibility_policy": "flag"}, {"constant_sign_in": True}]
)
def test_the_public_network_refuses_loose_settings(loose: dict[str, object]) -> None:
    tight = {"device_trust": "signed", "plausibility_policy": "reject", "constant_sign_in": False}

    assert not load_settings(None, {}, network="public", **tight).open_trust
    with pytest.raises(SettingsError, match=next(iter(loose))):
        load_settings(None, {}, network="public", **{**tight, **loose})


def test_secrets_are_not_printed() -> None:
    shown = repr(Settings(mqtt_password="hunter2", mqtt_device_secret="hunter3"))

    assert "hunter" not in shown
    assert "mqtt_password='***'" in shown
