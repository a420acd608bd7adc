"""What pages try that a browser shows to somebody who runs an engine: to read it, or to trade with it.

Each is tried on an engine that is open and on one that takes keys, from several origins. Nothing may be read
but a refusal, and no order placed or cancelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.security import scripts
from tests.security.attempts import LetIn, attempt
from tests.security.web import EVIL, Page, Web
from tests.security.world import World

REFUSALS = {"UNAUTHENTICATED", "ORIGIN_NOT_ALLOWED", "HOST_NOT_ALLOWED"}
NOTHING = ("blocked", "opaque", "")


def read_nothing(got: Iterable[str]) -> set[str]:
    """The codes of the refusals that a page has read. Raises LetIn if it has read more."""
    found = set()
    for text in got:
        if text not in NOTHING:
            code = _code(text)
            if code not in REFUSALS:
                raise LetIn(text)
            found.add(code)
    return found


def _code(text: str) -> str:
    try:
        return str(json.loads(text.partition(" ")[2])["code"])
    except (ValueError, KeyError, TypeError):
        return ""


async def from_elsewhere(world: World, body: str) -> str:
    """What a script in a page of each other origin reads of each engine."""
    web = await world.web()
    return await tried(web, body, *(page for target in web.targets for page in web.elsewhere(target)))


async def tried(web: Web, body: str, *pages: Page) -> str:
    """`open: nothing; keys: UNAUTHENTICATED`: what a script read in these pages, by engine."""
    before, read = web.count(), {target.kind: set[str]() for target in web.targets}
    for page, got in zip(pages, await web.run(body, *pages), strict=True):
        read[page.target.kind] |= read_nothing(got)
    if web.count() != before:
        raise LetIn(f"orders before {before}, and after {web.count()}")
    if web.statuses() != {"open"}:
        raise LetIn("cancelled")
    return "; ".join(f"{kind}: {', '.join(sorted(codes)) or 'nothing'}" for kind, codes in read.items())


@attempt
async def a_page_of_another_origin_reads(world: World) -> str:
    return await from_elsewhere(world, scripts.READ)


@attempt
async def a_page_of_another_origin_submits_text(world: World) -> str:
    return await from_elsewhere(world, scripts.SUBMIT_AS_TEXT)


@attempt
async def a_page_of_another_origin_submits_json(world: World) -> str:
    return await from_elsewhere(world, scripts.SUBMIT_AS_JSON)


@attempt
async def a_page_of_another_origin_submits_without_reading(world: World) -> str:
    return await from_elsewhere(world, scripts.SUBMIT_WITHOUT_CORS)


@attempt
async def a_page_of_another_origin_sends_forms(world: World) -> str:
    return await from_elsewhere(world, scripts.SUBMIT_FORMS)


@attempt
async def a_page_of_another_origin_cancels(world: World) -> str:
    return await from_elsewhere(world, scripts.CANCEL)


@attempt
async def a_page_of_another_origin_opens_sockets(world: World) -> str:
    return await from_elsewhere(world, scripts.OPEN_SOCKETS)


@attempt
async def a_page_of_another_origin_listens_to_events(world: World) -> str:
    return await from_elsewhere(world, scripts.LISTEN_TO_EVENTS)


@attempt
async def a_page_of_another_origin_includes_answers(world: World) -> str:
    return await from_elsewhere(world, scripts.INCLUDE)


@attempt
async def a_page_of_another_origin_frames_answers(world: World) -> str:
    return await from_elsewhere(world, scripts.FRAME)


@attempt
async def a_page_without_an_origin(world: World) -> str:
    return await from_elsewhere(world, scripts.WITHOUT_ORIGIN)


@attempt
async def a_page_of_another_origin_redirects_itself(world: World) -> str:
    return await from_elsewhere(world, scripts.BE_REDIRECTED)


@attempt
async def a_worker_of_another_origin(world: World) -> str:
    return await from_elsewhere(world, scripts.IN_A_WORKER)


@attempt
async def a_page_whose_name_is_rebound_to_the_engine(world: World) -> str:
    web = await world.web()
    return await tried(web, scripts.AS_ONES_OWN, *(web.rebound(EVIL, target) for target in web.targets))


@attempt
async def a_preflight_that_asks_for_a_private_network(world: World) -> str:
    asked = {
        "Origin": f"http://{EVIL}",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = await world.http.options("/api/orders/execute", headers=asked)
    if "access-control-allow-private-network" in answer.headers:
        raise LetIn(str(answer.headers))
    return "not granted"
