"""Whenever a client subscribes, it receives the same complete sequence: in order, no gap, no duplicate.

RAY's first swap slips, so its orders wait half a second for their retry: that is when a client subscribes or
leaves in the middle of a life.
"""

from __future__ import annotations

import asyncio

from tests.e2e.client import Client, Socket
from tests.e2e.life import TERMINAL, Wire, assert_complete


async def until_retried(socket: Socket) -> list[Wire]:
    """The events up to the first failed attempt's."""
    return await socket.until(lambda event: "retryInMs" in event)


async def ask_between_events(socket: Socket, **message: object) -> list[Wire]:
    """The events that arrive before the message is answered, and then the answer."""
    await socket.send(**message)
    return await socket.until(lambda answer: "action" in answer)


async def to_the_end(socket: Socket, events: list[Wire]) -> list[Wire]:
    """These events, and those that are still to come."""
    last = events[-1]
    return events if last["status"] in TERMINAL else events + await socket.life(last["orderId"])


async def events_over_http(client: Client, order_id: str) -> list[Wire]:
    """The order's events as GET shows them."""
    events: list[Wire] = (await client.order(order_id))["events"]
    return events


async def test_a_client_that_connects_before_the_order_exists_sees_all_of_its_life(client: Client) -> None:
    async with client.socket() as socket:
        order_id = (await client.submit("SOL", "USDC"))["orderId"]
        answer = await socket.ask(action="subscribe", orderId=order_id)
        assert answer == {"action": "subscribed", "orderId": order_id, "after": 0}
        events = await socket.life(order_id)
        await socket.nothing_more()
    assert_complete(events)
    assert events == await events_over_http(client, order_id)


async def test_a_client_that_submits_over_its_socket_sees_all_of_the_orders_life(client: Client) -> None:
    async with client.socket() as socket:
        answer = await socket.ask(tokenIn="SOL", tokenOut="USDC", amount="1.5")
        assert set(answer) == {"orderId", "status", "websocket", "replayed"}
        assert answer["status"] == "pending"
        events = await socket.life(answer["orderId"])
        await socket.nothing_more()
    assert_complete(events)
    assert events == await events_over_http(client, answer["orderId"])
    assert events == await client.follow(answer)


async def test_a_client_that_connects_during_the_orders_life_sees_all_of_it(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    order_id = answer["orderId"]
    async with client.socket(answer["websocket"]) as first:
        begun = await until_retried(first)
        async with client.socket(answer["websocket"]) as second:
            seen_late = await second.life(order_id)
            await second.nothing_more()
        seen_from_the_start = begun + await first.life(order_id)
    assert_complete(seen_late)
    assert seen_late == seen_from_the_start == await events_over_http(client, order_id)


async def test_a_client_that_connects_after_the_orders_end_sees_all_of_its_life(client: Client) -> None:
    answer = await client.submit("SOL", "USDC")
    seen_live = await client.follow(answer)
    async with client.socket(answer["websocket"]) as late:
        seen_late = await late.life(answer["orderId"])
        await late.nothing_more()
    assert_complete(seen_late)
    assert seen_late == seen_live == await events_over_http(client, answer["orderId"])


async def test_a_client_that_reconnects_continues_after_the_last_event_it_saw(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    order_id = answer["orderId"]
    async with client.socket(answer["websocket"]) as socket:
        begun = await until_retried(socket)
    async with client.socket(orderId=order_id, after=begun[-1]["seq"]) as socket:
        rest = await socket.life(order_id)
    assert_complete(begun + rest)


async def test_a_subscription_continues_after_the_last_event_seen(client: Client) -> None:
    order = await client.submit("SOL", "USDC")
    events = await client.follow(order)
    async with client.socket() as socket:
        for after in (3, "3"):
            answer = await socket.ask(action="subscribe", orderId=order["orderId"], after=after)
            assert answer == {"action": "subscribed", "orderId": order["orderId"], "after": 3}
            assert await socket.life(order["orderId"]) == events[3:]


async def test_a_subscription_after_the_last_event_receives_nothing(client: Client) -> None:
    order = await client.submit("SOL", "USDC")
    last = (await client.follow(order))[-1]["seq"]
    async with client.socket(orderId=order["orderId"], after=last) as socket:
        await socket.nothing_more()


async def test_a_subscriber_that_leaves_does_not_affect_the_other(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    async with client.socket(answer["websocket"]) as stays:
        async with client.socket(answer["websocket"]) as leaves:
            await until_retried(leaves)
        events = await stays.life(answer["orderId"])
    assert_complete(events)


async def test_a_subscriber_whose_connection_breaks_does_not_affect_the_other(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    async with client.socket(answer["websocket"]) as stays:
        async with client.socket(answer["websocket"]) as vanishes:
            await until_retried(vanishes)
            vanishes.connection.transport.abort()
        events = await stays.life(answer["orderId"])
    assert_complete(events)


async def test_after_unsubscribe_a_client_receives_nothing(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    order_id = answer["orderId"]
    async with client.socket(answer["websocket"]) as stays, client.socket(answer["websocket"]) as leaves:
        await until_retried(leaves)
        await leaves.send(action="unsubscribe", orderId=order_id)
        *_, answer = await leaves.until(lambda message: "action" in message)
        assert answer == {"action": "unsubscribed", "orderId": order_id}
        await stays.life(order_id)
        await leaves.nothing_more()


async def test_a_client_that_subscribes_again_continues_after_the_seq_it_names(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    order_id = answer["orderId"]
    async with client.socket(answer["websocket"]) as socket:
        events = await until_retried(socket)
        events += (await ask_between_events(socket, action="unsubscribe", orderId=order_id))[:-1]
        events += (
            await ask_between_events(socket, action="subscribe", orderId=order_id, after=events[-1]["seq"])
        )[:-1]
        assert_complete(await to_the_end(socket, events))


async def test_subscribing_twice_delivers_nothing_twice(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    order_id = answer["orderId"]
    async with client.socket(answer["websocket"]) as socket:
        events = await until_retried(socket)
        *meanwhile, again = await ask_between_events(socket, action="subscribe", orderId=order_id)
        assert again["action"] == "subscribed"
        assert_complete(await to_the_end(socket, events + meanwhile))
        await socket.nothing_more()


async def test_one_socket_subscribes_to_several_orders(client: Client) -> None:
    answers = [await client.submit(token, "USDC") for token in ("SOL", "BONK", "USDT")]
    order_ids = [answer["orderId"] for answer in answers]
    async with client.socket(answers[0]["websocket"]) as socket:
        for order_id in order_ids[1:]:
            await socket.send(action="subscribe", orderId=order_id)
        lives: dict[str, list[Wire]] = {order_id: [] for order_id in order_ids}
        subscribed = []
        while not all(events and events[-1]["status"] == "confirmed" for events in lives.values()):
            message = await socket.receive()
            if "action" in message:
                subscribed.append(message["orderId"])
            else:
                lives[message["orderId"]].append(message)
    assert subscribed == order_ids[1:]
    for order_id, events in lives.items():
        assert_complete(events)
        assert events == await events_over_http(client, order_id)


async def test_several_orders_are_submitted_on_one_socket(client: Client) -> None:
    async with client.socket() as socket:
        for amount in ("1", "2", "3"):
            await socket.send(tokenIn="SOL", tokenOut="USDC", amount=amount)
        lives: dict[str, list[Wire]] = {}
        while len(lives) < 3 or not all(
            events and events[-1]["status"] == "confirmed" for events in lives.values()
        ):
            message = await socket.receive()
            events = lives.setdefault(message["orderId"], [])
            if "seq" in message:
                events.append(message)
            else:
                assert not events, "the answer comes before the order's events"
    assert [events[0]["amount"] for events in lives.values()] == ["1", "2", "3"]
    for events in lives.values():
        assert_complete(events)


async def test_a_ping_is_answered_while_events_come(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    async with client.socket(answer["websocket"]) as socket:
        await until_retried(socket)
        await socket.nothing_more()
        await socket.life(answer["orderId"])


async def test_fifty_sockets_on_one_order_see_the_same(client: Client) -> None:
    answer = await client.submit("RAY", "USDC")
    lives = await asyncio.gather(*(client.follow(answer) for _ in range(50)))
    events = await events_over_http(client, answer["orderId"])
    assert_complete(events)
    assert all(life == events for life in lives)
