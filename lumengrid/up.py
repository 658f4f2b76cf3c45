"""`lumengrid up`: service, broker, one agent with imitated copper and neighbours, each a supervised process.

They are the real programs, started as a production machine would start them; one that dies is started
again. Ctrl-C or SIGTERM stops the neighbours and the agent first (relays off, running transfers reported),
then the service, then the broker. Everything durable lives under the data folder: the next `up` goes on from
there.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import aiohttp
from msgspec import Struct

from lumengrid.access import CLOUD, READER, load_secrets
from lumengrid.bench_site import DEVICE_ID, write_edge_files
from lumengrid.processes import end_with_parent, free_port, port_is_free
from lumengrid.simulated_time import SimulatedTime
from lumengrid.status_line import StatusLine
from shared.mqtt import parse_broker_url

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
CLOUD_PORT = 8080
EDGE_PORT = 8090
BROKER_PORT = 1883
RATE_LIMIT = "LUMENGRID_RATE_LIMIT_PER_MINUTE"
PROJECT_CATALOGUE = "LUMENGRID_PROJECT_CATALOGUE"
CALLS_PER_MINUTE = 1_000
"""Status line, browser and scripts of one machine all call from the loopback address."""
READY_TIMEOUT_S = 60
STOP_S = {"neighbours": 0.2, "edge": 3.0, "cloud": 0.9, "broker": 0.8}
"""In this order, together below five seconds."""
RESTART_DELAY_S = 1.0


class PortTaken(Exception):
    """A port that was asked for by name is in use."""


class UpOptions(Struct, frozen=True, kw_only=True):
    """What the command line said; None: the default, or a free one if that is taken."""

    nodes: int
    speed: float
    neighbours: int
    """Simulated people."""
    data: Path
    port: int | None
    edge_port: int | None
    mqtt_url: str | None
    mqtt_port: int | None


class Program:
    """One supervised process; its output goes to a file of its own."""

    def __init__(self, name: str, arguments: list[str], environ: Mapping[str, str], log_dir: Path) -> None:
        self.name = name
        self.restarts = 0
        self._arguments = arguments
        self._environ = environ
        self._log_path = log_dir / f"{name}.log"
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self, within_s: float) -> None:
        """SIGTERM, and SIGKILL for a process that does not end in time."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), within_s)
            except TimeoutError:
                logger.warning("%s did not stop within %.1f s", self.name, within_s)
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    def last_words(self) -> str:
        """The end of its log, for the message when it does not come up."""
        return "\n".join(self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])

    async def _spawn(self) -> None:
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "lumengrid",
                *self._arguments,
                env={**os.environ, **self._environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops them in order
            )

    async def _keep(self) -> None:
        while not self._stopping:
            assert self._process is not None  # noqa: S101
            code = await self._process.wait()
            if self._stopping:
                return
            self.restarts += 1
            logger.warning("%s ended code=%s, starting it again", self.name, code)
            await asyncio.sleep(RESTART_DELAY_S)
            if not self._stopping:
                await self._spawn()


async def run_up(options: UpOptions) -> int:
    """Start everything, show one live line, stop everything; the exit code.

    Raises:
        PortTaken: a port given on the command line is in use.
    """
    end_with_parent()
    logging.basicConfig(level="WARNING", format="%(levelname)s %(message)s", stream=sys.stderr)
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)

    options.data.mkdir(parents=True, exist_ok=True)
    simulated_time = SimulatedTime(options.data / "time.json", options.speed)
    programs, addresses = _programs(options, simulated_time.environ())
    time_keeper = asyncio.create_task(simulated_time.keep())
    print("starting … (the first start takes a few seconds)", flush=True)
    started: list[Program] = []
    try:
        for program in programs:
            await program.start()
            started.append(program)
        if not await _ready(addresses, stop):
            if stop.is_set():
                return 0
            for program in started:
                print(f"--- {program.name}\n{program.last_words()}", file=sys.stderr)
            print("not ready within a minute; the logs are in", options.data / "logs", file=sys.stderr)
            return 1
        _print_addresses(addresses, options)
        await StatusLine(addresses["service"], addresses["page"]).run(stop)
    finally:
        for program in reversed(started):
            await program.stop(STOP_S[program.name])
        time_keeper.cancel()
        simulated_time.save()
    print("\nstopped; everything is kept in", options.data)
    return 0


def _programs(options: UpOptions, environ: Mapping[str, str]) -> tuple[list[Program], dict[str, str]]:
    """Broker, service, agent, neighbours in the order of their start, and the addresses to print."""
    cloud_port = _choose(options.port, CLOUD_PORT, "--port")
    edge_port = _choose(options.edge_port, EDGE_PORT, "--edge-port")
    log_dir = options.data / "logs"
    log_dir.mkdir(parents=True, exist_ok=True)
    secrets_file = options.data / "broker.json"
    known = load_secrets(secrets_file)
    addresses = {"service": f"http://{HOST}:{cloud_port}", "page": f"http://{HOST}:{edge_port}"}
    programs = []
    cloud_environ = {
        **environ,
        "LUMENGRID_HOST": HOST,
        "LUMENGRID_PORT": str(cloud_port),
        "LUMENGRID_DATA_DIR": str(options.data / "cloud"),
        RATE_LIMIT: os.environ.get(RATE_LIMIT, str(CALLS_PER_MINUTE)),
        PROJECT_CATALOGUE: os.environ.get(PROJECT_CATALOGUE, "sample"),
    }
    edge_environ = dict(environ)
    outside = parse_broker_url(options.mqtt_url) if options.mqtt_url else None
    if outside is not None:
        addresses["mqtt"] = repr(outside)
        cloud_environ["LUMENGRID_MQTT_URL"] = options.mqtt_url or ""
        if outside.password:
            edge_environ["LUMENGRID_EDGE_MQTT_PASSWORD"] = outside.password
    else:
        broker_port = _choose(options.mqtt_port, BROKER_PORT, "--mqtt-port")
        addresses["mqtt"] = f"{HOST}:{broker_port}"
        addresses["reader"] = f"{READER} {known.reader}"
        arguments = ["broker", "--port", str(broker_port), "--secrets", str(secrets_file)]
        programs.append(Program("broker", arguments, environ, log_dir))
        cloud_environ |= {
            "LUMENGRID_MQTT_URL": f"mqtt://{CLOUD}@{HOST}:{broker_port}",
            "LUMENGRID_MQTT_PASSWORD": known.cloud,
            "LUMENGRID_MQTT_DEVICE_SECRET": known.device_secret,
            "LUMENGRID_MQTT_DEVICE_URL": f"mqtt://{HOST}:{broker_port}",
        }
    config_file = write_edge_files(
        options.data / "edge",
        cloud_url=addresses["service"],
        page_port=edge_port,
        broker=outside,
    )
    programs += [
        Program("cloud", ["cloud", "run"], cloud_environ, log_dir),
        Program(
            "edge",
            ["edge", "run", "--config", str(config_file), "--bench", str(options.nodes)],
            edge_environ,
            log_dir,
        ),
    ]
    if options.neighbours:
        arguments = ["neighbours", "--service", addresses["service"], "--data", str(options.data)]
        arguments += ["--count", str(options.neighbours)]
        programs.append(Program("neighbours", arguments, environ, log_dir))
    return programs, addresses


def _choose(asked: int | None, default: int, option: str) -> int:
    if asked is not None:
        if not port_is_free(asked, HOST):
            raise PortTaken(f"{option} {asked} is taken: stop its owner or name another port")
        return asked
    if port_is_free(default, HOST):
        return default
    port = free_port(HOST)
    print(f"port {default} is taken, using {port} ({option} chooses another)", flush=True)
    return port


async def _ready(addresses: Mapping[str, str], stop: asyncio.Event) -> bool:
    """Whether service and page answer within READY_TIMEOUT_S."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        for url in (f"{addresses['service']}/health", f"{addresses['page']}/health"):
            while not await _answers(session, url):
                if stop.is_set() or time.monotonic() > deadline:
                    return False
                await asyncio.sleep(0.1)
    return True


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200  # noqa: PLR2004
    except (aiohttp.ClientError, TimeoutError):
        return False


def _print_addresses(addresses: Mapping[str, str], options: UpOptions) -> None:
    service, page = addresses["service"], addresses["page"]
    print(f"""
  status page   {page}
  service       {service}
  ledger        {service}/api/v1/ledger/mints
  API           {service}/docs, {service}/api/docs
  live events   curl -N {service}/iot/events
  live market   ws{service.removeprefix("http")}/ws/market""")
    if "reader" in addresses:
        user, password = addresses["reader"].split()
        host, port = addresses["mqtt"].split(":")
        print(
            f"  MQTT          mosquitto_sub -h {host} -p {port} -u {user} -P {password}"
            " -v -t 'lumengrid/v1/#'"
        )
    else:
        print(f"  MQTT          {addresses['mqtt']}")
    if options.neighbours:
        print(
            f"  neighbours    {options.neighbours} simulated, they buy what is minted (--neighbours 0: none)"
        )
    print(f"  data          {options.data}   device {DEVICE_ID}, Ctrl-C stops\n", flush=True)
