"""The controls in a real browser: by pointer, by keyboard alone, on a phone, and what they refuse."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.config import PageConfig, Secret, TransferConfig
from shared.messages import Action, ForecastSlot, GridForecast, NodeState, encode
from tests.edge.eventually import eventually
from tests.edge.page.browser import Site, browser, chromium, site

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"
LOCKED = {"page": PageConfig(port=0, password=Secret(PASSWORD)), "transfer": TransferConfig(dwell_s=2)}


def _states(opened: Site) -> dict[str, NodeState]:
    assert opened.agent.state is not None
    return {node.uid: node.state for node in opened.agent.state.nodes}


async def test_a_person_signs_in_starts_a_transfer_sees_it_run_and_stops_it(
    tmp_path: Path, browser: Any
) -> None:
    async with site(tmp_path, browser, speed=2, **LOCKED) as opened:
        page = opened.page
        assert await page.locator("#signed-in").is_hidden()
        await page.fill("#password", PASSWORD)
        await page.click("#sign-in button")
        await opened.shows("#answer", "signed in")
        await page.select_option("#transfer [name=sender]", "NODE_B")
        await page.select_option("#transfer [name=receiver]", "NODE_C")
        await page.fill("#transfer [name=minutes]", "20")
        await page.click("#transfer button")
        await opened.shows("#answer", "NODE_B sends to NODE_C for 20 min")
        await opened.shows("#leases", re.compile("NODE_B → NODE_C, (20|19) min left, running"))
        await opened.shows("[data-uid=NODE_B]", "↑ supplying")
        await opened.shows("[data-uid=NODE_C]", "manual: local transfer with NODE_B")
        assert (_states(opened)["NODE_B"], _states(opened)["NODE_C"]) == (
            NodeState.SUPPLYING,
            NodeState.RECEIVING,
        )

        await page.click("#leases button >> text=Stop")
        await opened.shows("#answer", "NODE_B, NODE_C kept off for")
        await opened.shows("[data-uid=NODE_B] .state", "idle")
        await opened.shows("#leases", "NODE_C kept off")
        for uid in ("NODE_B", "NODE_C"):
            await page.click(f"#leases [aria-label^='Release {uid}']")
            await opened.shows("#answer", f"{uid}: hold released")
        assert opened.agent.manual.leases == ()
        await page.click("#sign-out")
        await opened.shows("#answer", "signed out")
        await page.locator("#signed-in").wait_for(state="hidden")
        assert opened.complaints == []
        assert opened.foreign() == []


async def test_it_can_all_be_done_with_the_keyboard_alone(tmp_path: Path, browser: Any) -> None:
    async with site(tmp_path, browser, **LOCKED) as opened:
        page = opened.page

        async def focus(selector: str) -> None:
            """Tab until the element has the focus: it must come, in the order of the page."""
            passed = []
            for _ in range(30):
                await page.keyboard.press("Tab")
                found, name = await page.evaluate(
                    f"(e => [e.matches({selector!r}), e.outerHTML.slice(0, 60)])(document.activeElement)"
                )
                passed.append(name)
                if found:
                    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                    assert outline != "none"
                    return
            pytest.fail(f"{selector} cannot be reached, only {passed}")

        await focus("#password")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await opened.shows("#answer", "signed in")
        assert await page.evaluate("document.activeElement.name") == "sender"
        await page.keyboard.press("ArrowDown")
        await focus("#transfer [name=receiver]")
        await page.keyboard.press("ArrowDown")
        await focus("#transfer button")
        await page.keyboard.press("Enter")
        await opened.shows("#answer", "NODE_B sends to NODE_C for 30 min")
        await opened.shows("#leases", "running")
        await page.keyboard.press("Shift+Tab")
        for _ in range(10):
            if await page.evaluate("document.activeElement.matches('#leases button.stop')"):
                break
            await page.keyboard.press("Shift+Tab")
        # The list lives on under the focus: frames come twice a second and do not take it away.
        frames = opened.agent.turns
        await eventually(lambda: opened.agent.turns > frames + 20)
        assert await page.evaluate("document.activeElement.matches('#leases button.stop')")
        await page.keyboard.press("Enter")
        await opened.shows("#answer", "kept off")
        await focus("#soc-chart svg")
        await page.keyboard.press("ArrowLeft")
        await opened.shows("#soc-chart .reading", "NODE_A")


async def test_safety_s_no_is_shown_before_and_after_the_button(tmp_path: Path, browser: Any) -> None:
    async with site(tmp_path, browser, transfer=TransferConfig(dwell_s=2)) as opened:
        page = opened.page
        await opened.shows("#safety", "no guard is in force")
        chip = next(p for p in opened.bench.board.chips if p.id == opened.bench.board.nodes[1].voltage)
        opened.bench.bus.nack(chip.address)  # type: ignore[union-attr]
        await opened.shows("#safety", "NODE_B: no charge, no discharge")
        # No password is set: on this machine the controls are open.
        await page.select_option("#transfer [name=sender]", "NODE_A")
        await page.select_option("#transfer [name=receiver]", "NODE_B")
        await opened.shows("#transfer-note", "NODE_B may not charge now: voltage reading is stale")
        await page.click("#transfer button")
        await opened.shows("#answer.bad", "refused: NODE_B may not charge: voltage reading is stale")
        assert opened.agent.manual.leases == ()
        await page.click("summary")
        await page.select_option("#override [name=node]", "NODE_B")
        await page.click("#override button")
        await opened.shows("#answer.bad", "without a fresh voltage no override can help")


async def test_wrong_passwords_are_limited(tmp_path: Path, browser: Any) -> None:
    from playwright.async_api import expect

    async with site(tmp_path, browser, speed=1, **LOCKED) as opened:
        page = opened.page
        for _ in range(5):
            await page.fill("#password", "wrong")
            async with page.expect_response("**/session"):
                await page.keyboard.press("Enter")
            # The page empties the field when it has read the answer.
            await expect(page.locator("#password")).to_have_value("", timeout=40_000)
            await opened.shows("#answer.bad", "that is not the password")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")

        await opened.shows("#answer.bad", "too many wrong passwords: try again in 5 min")
        assert await page.locator("#signed-in").is_hidden()
        assert await page.input_value("#password") == ""


async def test_a_phone_shows_everything_without_scrolling_sideways(tmp_path: Path, browser: Any) -> None:
    async with site(tmp_path, browser, width=360, dark=True) as opened:
        page = opened.page
        await opened.shows("#plan-words", "No plan")
        await page.wait_for_selector("#soc-chart svg")
        await page.wait_for_selector("#power-chart svg")
        await page.click("summary")
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        small = await page.evaluate(
            "[...document.querySelectorAll('button, select, input:not([type=radio])')]"
            ".filter(e => e.offsetParent && e.offsetHeight < 36).map(e => e.id || e.textContent)"
        )
        assert small == []
        unnamed = await page.evaluate(
            "[...document.querySelectorAll('select, input:not([hidden])')]"
            ".filter(e => !e.labels?.length).map(e => e.name)"
        )
        assert unnamed == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_text_stands_out_from_its_ground(tmp_path: Path, browser: Any, dark: bool) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    async with site(tmp_path, browser, dark=dark) as opened:
        opened.agent.tell("fault", None, "for the colour")
        ratios = await opened.page.evaluate(
            """() => {
              const light = (colour) => {
                const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
                  .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
              };
              const ground = (element) => {
                for (let at = element; at; at = at.parentElement) {
                  const colour = getComputedStyle(at).backgroundColor;
                  if (!/, 0\\)$|transparent/.test(colour)) return colour;
                }
              };
              const found = {};
              for (const element of document.querySelectorAll(
                "h1, h2, h3, p, span, b, small, dd, dt, li, legend, label, button, summary, a"
              )) {
                if (!element.offsetParent || !element.textContent.trim()) continue;
                const [one, other] = [light(getComputedStyle(element).color), light(ground(element))];
                const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
                if (ratio < 4.5) found[element.className || element.tagName] = ratio;
              }
              return found;
            }"""
        )
        assert ratios == {}


async def test_the_action_of_a_hold_reaches_the_node(tmp_path: Path, browser: Any) -> None:
    async with site(tmp_path, browser, transfer=TransferConfig(dwell_s=2)) as opened:
        page = opened.page
        await page.select_option("#hold [name=node]", "NODE_C")
        await page.select_option("#hold [name=action]", "discharge")
        await page.click("#hold button")
        await opened.shows("#answer", "NODE_C: discharge held for 30 min")
        await opened.shows("[data-uid=NODE_C]", "↑ supplying")
        assert [(lease.uid, lease.action) for lease in opened.agent.manual.leases] == [
            ("NODE_C", Action.DISCHARGE)
        ]
        await page.click("#stop-all")
        await opened.shows("#summary", "nothing moves")


def _forecast(now: datetime) -> GridForecast:
    """Cheap nights, dear evenings: 2 to 8 a kWh."""
    start = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    starts = [start + timedelta(minutes=15 * n) for n in range(96)]
    return GridForecast(
        made_at=now,
        slots=tuple(
            ForecastSlot(start=at, price_xlm_per_kwh=8.0 if n // 12 % 2 else 2.0)
            for n, at in enumerate(starts)
        ),
    )


async def test_the_plan_is_drawn_against_the_price_and_says_why(tmp_path: Path, browser: Any) -> None:
    async with site(tmp_path, browser) as opened:
        await opened.shows("#plan-words", "No plan")
        assert await opened.page.locator("#plan svg").count() == 0
        opened.agent.connection.prices.take_forecast(encode(_forecast(opened.agent.clock.now())))

        await opened.page.wait_for_selector("#plan svg .bar", timeout=40_000)

        await opened.shows("#plan-words", "By the plan the day costs")
        assert await opened.page.locator("#plan svg path.line").count() == 1
        assert "NODE_A" in await opened.text("#plan-why")

        async def reads() -> bool:
            """Again where a new plan was drawn meanwhile."""
            await opened.page.mouse.move(0, 0)
            await opened.page.locator("#plan svg").hover()
            return "per kWh" in await opened.text("#plan .reading")

        await eventually(reads)
        assert opened.complaints == []
