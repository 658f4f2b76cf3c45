"""The agent's files for `lumengrid up`: a bench in place of copper, everything else as on a Pi."""

from pathlib import Path

from shared.mqtt import Broker

DEVICE_ID = "bench-01"

_TEMPLATE = """\
# Written by `lumengrid up` at each start.
device_id = "{device_id}"
board = "bench_five"
data_dir = "{data_dir}"
report_period_s = 60
telemetry_period_s = 5
unmetered_current_ma = 60  # solar and load of the imitated houses, behind the meter

[cloud]
url = "{cloud_url}"

[page]
port = {page_port}

[metering]
report_mwh_min = 1         # one measured Wh stands for one kWh on a bench
report_mwh_max = 10000
"""

_BROKER = """
[mqtt]
host = "{host}"
port = {port}
tls = {tls}
"""


def write_edge_files(folder: Path, *, cloud_url: str, page_port: int, broker: Broker | None) -> Path:
    """Write edge.toml; its path. `broker` None: the service names one at enrolment."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _TEMPLATE.format(device_id=DEVICE_ID, data_dir=folder, cloud_url=cloud_url, page_port=page_port)
    if broker is not None:
        text += _BROKER.format(host=broker.host, port=broker.port, tls=str(broker.tls).lower())
        if broker.username:
            text += f'username = "{broker.username}"\n'
    path = folder / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return path
