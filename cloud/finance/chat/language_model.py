"""Answers in other words, by a language model behind any OpenAI-compatible address; it never computes.

What it says is thrown away unless it says the same as the answer it was given (`figure_check`), and so is
whatever comes late, is too long or is no answer at all.
"""

import logging
from collections.abc import Iterable

import aiohttp
import msgspec
from msgspec import Struct

from cloud.finance.chat.figure_check import says_the_same

logger = logging.getLogger(__name__)

TIMEOUT_S = 8.0
ANSWER_BYTES_MAX = 65_536
TOKENS_MAX = 600
_TASK = """\
Rewrite the answer in friendly plain English for the question. Keep every figure, currency sign, date and name
and their order exactly. Add no figure, no advice and nothing that the answer does not say. Reply with the
rewritten answer alone."""


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message


class _Completion(Struct):
    choices: list[_Choice]


class LanguageModel:
    """One model; `url` is the base, such as `https://host/v1`."""

    def __init__(self, url: str, model: str, key: str | None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def rephrased(self, question: str, answer: str, names: Iterable[str]) -> str:
        """In other words that say the same; `answer` itself where there are none."""
        try:
            told = await self._asked(question, answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            logger.warning("language model gave no answer, error=%s", type(error).__name__)
            return answer
        if told is None or not says_the_same(answer, told, names):
            logger.info("wording discarded, it does not say the same")
            return answer
        return told

    async def _asked(self, question: str, answer: str) -> str | None:
        body = {
            "model": self._model,
            "max_tokens": TOKENS_MAX,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": _TASK},
                {"role": "user", "content": msgspec.json.encode([question, answer]).decode()},
            ],
        }
        async with (
            aiohttp.ClientSession(timeout=self._timeout) as session,
            session.post(self._url, json=body, headers=self._headers, allow_redirects=False) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                return None
            raw = bytearray()
            async for chunk in response.content.iter_chunked(ANSWER_BYTES_MAX):
                raw += chunk
                if len(raw) > ANSWER_BYTES_MAX:
                    return None
        choices = msgspec.json.decode(raw, type=_Completion).choices
        text = choices[0].message.content if choices else None
        return None if text is None else " ".join(text.split()) or None
