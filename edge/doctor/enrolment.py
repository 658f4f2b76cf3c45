"""Whether this device has a key, knows its cloud, and reaches it."""

import aiohttp

from edge.config import EdgeConfig
from edge.doctor.finding import Finding, fail, ok, warn
from edge.enrol import KEY_FILE, device_key, load_enrolment
from edge.errors import ConfigWrong
from shared.signatures import public_key_of

TIMEOUT_S = 5.0
_ENROL = "`sudo -u lumengrid lumengrid edge init --cloud URL --code CODE`"


async def check_enrolment(config: EdgeConfig) -> list[Finding]:
    """Key, enrolment, service."""
    findings = [_key(config)]
    try:
        enrolled = load_enrolment(config.data_dir)
    except ConfigWrong as error:
        return [*findings, fail("enrolment", str(error), _ENROL)]
    url = config.cloud.url or (enrolled.cloud_url if enrolled is not None else None)
    if enrolled is None and config.cloud.public_key is None:
        findings.append(
            warn(
                "enrolment", "not enrolled: nothing is sent, nothing is minted, commands are refused", _ENROL
            )
        )
    else:
        known = enrolled.cloud_url if enrolled is not None else "the settings"
        findings.append(ok("enrolment", f"the cloud's key is pinned, from {known}"))
    if url is not None:
        findings.append(await _service(url))
    return findings


def _key(config: EdgeConfig) -> Finding:
    path = config.data_dir / KEY_FILE
    if not path.exists():
        return warn(
            "key",
            f"{path} is not there yet",
            "`sudo -u lumengrid lumengrid edge init` makes it; so does the first start",
        )
    try:
        return ok("key", f"public key {public_key_of(device_key(config.data_dir))}")
    except ConfigWrong as error:
        return fail("key", str(error), f"`sudo chown lumengrid: {path} && sudo chmod 600 {path}`")


async def _service(url: str) -> Finding:
    address = url.rstrip("/") + "/health"
    fix = "check the network and cloud.url; the agent works on without it and keeps what it measured"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.get(address) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return warn("service", f"{address}: {str(error) or type(error).__name__}", fix)
    if status != 200:  # noqa: PLR2004
        return warn("service", f"{address} answers {status}", fix)
    return ok("service", f"{url} is healthy")
