"""What does the API say of a text? Requests of the contract in, answers of the contract out, many at once.

Redaction compiles its patterns anew each time and so costs nearly the same for one text as for fifty (15 ms of the 16 a text
alone takes). Requests that come while others are being answered are therefore answered together, in one thread: the pages,
with which it shares Python, go on meanwhile.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import polars as pl

from app import keyfacts, suggesting
from pipelines import redact
from pipelines.dispatch import suggest

Json = dict[str, Any]
MOST = 50  # together


class Together:
    """One batch at a time, in the order of coming."""

    def __init__(self) -> None:
        self._thread, self._turn = ThreadPoolExecutor(1, "suggestion"), asyncio.Lock()
        self._waiting: list[tuple[Json, asyncio.Future[Json]]] = []

    async def made(self, asked: Json) -> "asyncio.Future[Json]":
        """The answer to one request, or why there is none: done when it is returned."""
        mine: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, mine))
        async with self._turn:
            if not mine.done():  # else somebody before had it made with his own
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                made = asyncio.wrap_future(self._thread.submit(answers, [one for one, _ in batch]))
                await asyncio.wait([made])
                error = made.exception()
                for k, (_, one) in enumerate(batch):
                    one.set_exception(error) if error else one.set_result(made.result()[k])
        return mine


def answers(asked: list[Json]) -> list[Json]:
    """One for each request, in their order. YanpanError where a file of the office or the model has a fault."""
    texts = redact.redact(pl.Series([one["text"] for one in asked]))[0].to_list()
    given = suggesting.tools()
    towns = [(one.get("town_code") or "")[:9] for one in asked]
    places = [(one.get("county_code") or town[:6], town) for one, town in zip(asked, towns, strict=True)]
    found = suggest.suggest(given, texts, [one.get("purpose") for one in asked], places)
    return [_answer(given, *each) for each in zip(asked, texts, found, strict=True)]


def _answer(given: suggest.Tools, asked: Json, text: str, found: suggest.Suggestion) -> Json:
    first = given.library.issues.get(found.issues[0].code) if found.issues else None
    day = date.fromisoformat(asked.get("registered_on") or date.today().isoformat())
    return {
        "is_abstained": found.is_abstained,
        "issues": [vars(one) for one in found.issues],
        "units": [{"name": one.name, "probability": one.probability} for one in found.units],
        "reason": found.reason,
        "words": [{**vars(one), "said": text[one.start : one.end]} for one in found.spans],
        "facts": [] if first and first.is_counted_only else [_fact(one) for one in keyfacts.facts(text, day)],
        "redacted_text": text,
        "model_version": given.model.about["version"] if given.model else None,
    }


def _fact(one: keyfacts.Fact) -> Json:
    said = one._asdict()
    return {"said": said.pop("words"), "kind_name": keyfacts.KINDS[one.kind], **said}
