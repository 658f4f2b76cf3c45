"""Settings: a wrong value stops the start with field, value and range; secrets never show."""

import tomllib
from pathlib import Path

import pytest

from edge.config import (
    SETTINGS,
    EdgeConfig,
    PlanConfig,
    Secret,
    example_toml,
    setting_value,
    settings_table,
    tariff_prices,
)
from edge.config_file import load_config
from edge.errors import ConfigWrong
from hardware.board import shipped_board

LEAST = 'device_id = "porch-1"\nboard = "bench_five"\n'


def load(tmp_path, text="", environ=None, *, least=LEAST):
    path = tmp_path / "edge.toml"
    path.write_text(least + text, encoding="utf-8")
    return load_config(path, environ or {})


def test_two_values_are_enough(tmp_path):
    config = load(tmp_path)
    assert (config.device_id, config.board) == ("porch-1", "bench_five")
    assert config.cycle_s == 1.0
    assert config.report_period_s == 900.0
    assert config.telemetry_period_s == 10.0
    assert config.transfer.dwell_s == 60.0
    assert config.safety.soc_percent_min == 20.0
    assert config.safety.soc_percent_max == 95.0


def test_the_environment_wins_over_the_file(tmp_path):
    config = load(
        tmp_path,
        "report_period_s = 60\n[mqtt]\nhost = 'broker'\nport = 1884\n",
        {
            "LUMENGRID_EDGE_MQTT_PORT": "8883",
            "LUMENGRID_EDGE_MQTT_TLS": "true",
            "LUMENGRID_EDGE_DATA_DIR": "/tmp/edge",
            "LUMENGRID_EDGE_CYCLE_S": "0.5",
            "UNRELATED": "1",
        },
    )
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.tls) == ("broker", 8883, True)
    assert (config.report_period_s, config.cycle_s, config.data_dir) == (60.0, 0.5, Path("/tmp/edge"))


def test_a_secret_prints_as_stars_everywhere(tmp_path):
    config = load(tmp_path, "[mqtt]\nhost='b'\n", {"LUMENGRID_EDGE_MQTT_PASSWORD": "hunter2"})
    assert config.mqtt.password.reveal() == "hunter2"
    for shown in (repr(config), str(config), f"{config.mqtt.password}", "%s" % config.mqtt, repr(vars)):  # noqa: UP031
        assert "hunter2" not in shown
    assert "password=***" in repr(config)
    assert Secret("a") == Secret("a") != Secret("b")


def test_a_wrong_secret_does_not_show_in_its_error(tmp_path):
    with pytest.raises(ConfigWrong) as wrong:
        load(tmp_path, "[mqtt]\nhost='b'\npassword = 12345\n")
    assert "12345" not in str(wrong.value)


@pytest.mark.parametrize(
    "text, words",
    [
        ("cycle_s = 0", ["cycle_s", "0", "0.1 to 10"]),
        ("cycle_s = nan", ["cycle_s", "nan", "0.1 to 10"]),
        ("cycle_s = inf", ["cycle_s", "inf", "0.1 to 10"]),
        ("cycle_s = '1'", ["cycle_s", "'1'", "0.1 to 10"]),
        ("cycle_s = true", ["cycle_s", "True", "0.1 to 10"]),
        ("report_period_s = 5", ["report_period_s", "5", "10 to 3600"]),
        ("log_level = 'loud'", ["log_level", "loud", "debug, info, warning, error"]),
        ("data_dir = 3", ["data_dir", "3", "a path"]),
        ("[mqtt]\nport = 70000", ["mqtt.port", "70000", "1 to 65535"]),
        ("[mqtt]\nport = 1883.5", ["mqtt.port", "1883.5"]),
        ("[mqtt]\ntls = 'yes'", ["mqtt.tls", "yes", "true or false"]),
        ("[safety]\nsoc_percent_min = 10", ["safety.soc_percent_min", "10", "20 to 60"]),
        ("[safety]\nsoc_percent_max = 99", ["safety.soc_percent_max", "99", "70 to 95"]),
        ("[cloud]\npublic_key = 'abc'", ["cloud.public_key", "abc", "64 hex digits"]),
        ("[cloud]\nurl = 'ftp://x'", ["cloud.url", "ftp://x", "http(s)://host"]),
        ("[page]\nprot = 1", ["page.prot", "did you mean page.port"]),
        ("colour = 'red'", ["colour"]),
        ("mqtt = 3", ["mqtt"]),
        ("telemetry_period_s = 1", ["cycle_s = 1", "below telemetry_period_s = 1"]),
        ("cycle_s = 6\n", ["cycle_s = 6", "metering.gap_s = 5"]),
        ("[metering]\nreport_mwh_min = 9\nreport_mwh_max = 9", ["report_mwh_min = 9", "report_mwh_max = 9"]),
        ("[site]\nlatitude = 1.0", ["site.latitude", "site.longitude", "both or neither"]),
        ("[site]\nlatitude = 91.0\nlongitude = 0.0", ["site.latitude", "91.0", "-90 to 90"]),
        ("[mqtt]\nhost = 'b'\nca_file = '/x'", ["mqtt.ca_file", "mqtt.tls"]),
    ],
)
def test_a_wrong_value_names_field_value_and_range(tmp_path, text, words):
    with pytest.raises(ConfigWrong) as wrong:
        load(tmp_path, text)
    for word in words:
        assert word in str(wrong.value)


def test_a_pinned_key_is_64_hex_digits(tmp_path):
    key = "0123456789abcdef" * 4
    assert load(tmp_path, f"[cloud]\npublic_key = '{key}'").cloud.public_key == key


def test_a_password_in_a_url_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(ConfigWrong) as wrong:
        load(tmp_path, "[cloud]\nurl = 'https://me:hunter2@grid'")
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize("device_id", ["", "a/b", "a b", "-a", "x" * 65, "a#", "ä"])
def test_a_device_id_must_be_safe_in_a_topic(tmp_path, device_id):
    with pytest.raises(ConfigWrong, match="device_id"):
        load(tmp_path, least=f'device_id = "{device_id}"\nboard = "b"\n')


@pytest.mark.parametrize("missing", ["device_id", "board"])
def test_what_has_no_default_must_be_given(tmp_path, missing):
    lines = [line for line in LEAST.splitlines() if not line.startswith(missing)]
    with pytest.raises(ConfigWrong, match=f"{missing} is missing"):
        load(tmp_path, least="\n".join(lines) + "\n")


def test_a_misspelt_variable_is_refused(tmp_path):
    with pytest.raises(ConfigWrong, match="did you mean LUMENGRID_EDGE_MQTT_PORT"):
        load(tmp_path, environ={"LUMENGRID_EDGE_MQTT_PROT": "1"})


def test_a_file_that_is_absent_or_torn_is_told_by_name(tmp_path):
    with pytest.raises(ConfigWrong, match=r"nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigWrong, match=r"edge\.toml"):
        load(tmp_path, "[mqtt\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigWrong, match=r"binary\.toml"):
        load_config(tmp_path / "binary.toml", {})


class TestPasswordFile:
    def given(self, tmp_path, content="hunter2\n", mode=0o600, environ=None):
        path = tmp_path / "password"
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
        return load(tmp_path, f"[mqtt]\nhost='b'\npassword_file = '{path}'\n", environ)

    def test_it_is_read_without_its_newline(self, tmp_path):
        assert self.given(tmp_path).mqtt.password == Secret("hunter2")

    def test_one_that_everybody_may_read_is_refused(self, tmp_path):
        with pytest.raises(ConfigWrong, match="mode 0644"):
            self.given(tmp_path, mode=0o644)

    def test_an_empty_one_is_refused(self, tmp_path):
        with pytest.raises(ConfigWrong, match="is empty"):
            self.given(tmp_path, content="\n")

    def test_two_passwords_are_one_too_many(self, tmp_path):
        with pytest.raises(ConfigWrong, match="keep one"):
            self.given(tmp_path, environ={"LUMENGRID_EDGE_MQTT_PASSWORD": "other"})

    def test_one_that_is_absent_is_told(self, tmp_path):
        with pytest.raises(ConfigWrong, match="cannot be read"):
            load(tmp_path, f"[mqtt]\nhost='b'\npassword_file = '{tmp_path / 'none'}'\n")


def test_a_password_without_a_broker_is_a_mistake(tmp_path):
    with pytest.raises(ConfigWrong, match=r"mqtt\.host"):
        load(tmp_path, environ={"LUMENGRID_EDGE_MQTT_PASSWORD": "x"})


def test_every_setting_has_a_meaning_of_one_line_and_a_value_behind_its_name(tmp_path):
    config = load(tmp_path)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.meaning.endswith(".")
        assert "\n" not in setting.meaning
        setting_value(config, setting.name)


def test_the_table_has_a_row_for_every_setting():
    table = settings_table()
    for setting in SETTINGS:
        assert f"| `{setting.name}` |" in table


def test_the_example_file_is_a_working_one_and_names_every_setting(tmp_path):
    text = example_toml()
    path = tmp_path / "edge.toml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path, {})
    assert isinstance(config, EdgeConfig)
    assert shipped_board(config.board).nodes
    for setting in SETTINGS:
        field = setting.name.rpartition(".")[2]
        assert f"{field} =" in text or setting.variable in text


def test_the_example_file_states_the_defaults(tmp_path):
    bare = [
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
        for line in example_toml().splitlines()
    ]
    path = tmp_path / "edge.toml"
    path.write_text("\n".join(line for line in bare if not line.startswith("#")), encoding="utf-8")
    tomllib.loads(path.read_text(encoding="utf-8"))
    least = tmp_path / "least.toml"
    least.write_text('device_id = "porch-1"\nboard = "bench"\n', encoding="utf-8")
    spelled, default = load_config(path, {}), load_config(least, {})
    assert [setting_value(spelled, s.name) for s in SETTINGS if s.name != "board"] == [
        setting_value(default, s.name) for s in SETTINGS if s.name != "board"
    ]


@pytest.mark.parametrize(
    "field, value, allowed",
    [
        ("default_tariff", "1, 2", "one price, or 24"),
        ("default_tariff", "cheap", "one price, or 24"),
        ("default_tariff", "nan", "one price, or 24"),
        ("tariff_zone", "Atlantis/Port", "Europe/Madrid"),
        ("tariff_zone", "../etc/passwd", "Europe/Madrid"),
    ],
)
def test_a_tariff_that_cannot_be_used_is_refused_with_what_is_allowed(tmp_path, field, value, allowed):
    path = tmp_path / "edge.toml"
    path.write_text(f'device_id = "a"\nboard = "b"\n[plan]\n{field} = "{value}"\n', encoding="utf-8")
    with pytest.raises(ConfigWrong, match=f"plan.{field} = '{value}' cannot be used: allowed is .*{allowed}"):
        load_config(path, {})


def test_a_tariff_has_one_price_or_one_for_each_hour():
    hours = ",".join(str(hour) for hour in range(24))
    for text, prices in (("0.25", (0.25,)), (hours, tuple(map(float, range(24))))):
        assert tariff_prices(PlanConfig(default_tariff=text)) == prices
