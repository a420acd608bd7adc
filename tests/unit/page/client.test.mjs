// The client library over a fetch and a WebSocket that do what a test says. Run by test_client.py.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { EngineClient, OutcomeUnknown, Refused, Unreachable } from "../../../functions/chalicelib/page/client.js";

const ORDER = { tokenIn: "SOL", tokenOut: "USDC", amount: "1" };
const ID = "11111111-1111-4111-8111-111111111111";
const ACCEPTED = answer(202, { orderId: ID, status: "pending", websocket: "/s" });

/** An answer to a request; each time it is used it is a new one. */
function answer(status, body) {
  return () => new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
}

/** A connection that fails as Node's fetch says it: `code` undefined is one that broke after the request. */
function failure(code) {
  return () => { throw new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) }); };
}

/** A fetch that gives these answers, one after the other, the last for ever; `asked` is what it was asked. */
function fetching(...answers) {
  const asked = [];
  const fetch = async (url, request) => {
    asked.push({ ...request, url: String(url), body: request.body && JSON.parse(request.body) });
    return answers[Math.min(asked.length, answers.length) - 1]();
  };
  return { fetch, asked };
}

/** A class of WebSockets, each of which is played by the next of `scripts`; `opened` are those that were made. */
function sockets(...scripts) {
  const opened = [];
  class FakeWebSocket {
    sent = [];
    constructor(url) {
      this.url = url;
      opened.push(this);
      const script = scripts[opened.length - 1];
      queueMicrotask(() => script?.(this));
    }
    open() { this.onopen?.(); }
    say(...messages) { for (const each of messages) this.onmessage?.({ data: JSON.stringify(each) }); }
    drop(code = 1006, reason = "") { this.onclose?.({ code, reason }); }
    send(text) { this.sent.push(JSON.parse(text)); this.onSent?.(); }
    close() {}
  }
  return { WebSocket: FakeWebSocket, opened };
}

function event(seq, status = "pending") {
  return { orderId: ID, seq, status };
}

/** Everything that follows in an order. */
async function seen(events) {
  const found = [];
  for await (const each of events) found.push(each.seq);
  return found;
}

// --- Requests ---

test("a submit has a key of its own, and one that is given is used", async () => {
  const { fetch, asked } = fetching(ACCEPTED);
  const client = new EngineClient("http://engine/v1/", { fetch });
  await client.submit(ORDER);
  await client.submit(ORDER);
  await client.submit(ORDER, { key: "mine" });
  const keys = asked.map(({ body }) => body.clientOrderId);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], "mine");
  assert.equal(asked[0].url, "http://engine/v1/api/orders/execute");
});

test("a submit whose answer was lost is sent again under its key", async () => {
  for (const lost of [failure(undefined), answer(504, "<html>"), answer(500, { code: "INTERNAL_ERROR" }), answer(503, { code: "OUTCOME_UNKNOWN" })]) {
    const { fetch, asked } = fetching(lost, ACCEPTED);
    const { orderId } = await new EngineClient("http://engine", { fetch }).submit(ORDER);
    assert.equal(orderId, ID);
    assert.equal(asked.length, 2);
    assert.equal(asked[0].body.clientOrderId, asked[1].body.clientOrderId);
  }
});

test("after four tries without an answer the outcome is unknown, and the error has the key", async () => {
  const { fetch, asked } = fetching(failure(undefined));
  const submitted = new EngineClient("http://engine", { fetch }).submit(ORDER, { key: "mine" });
  await assert.rejects(submitted, (error) => error instanceof OutcomeUnknown && error.key === "mine");
  assert.equal(asked.length, 4);
});

test("what was not sent, or refused, is not tried again", async () => {
  const reasons = [
    [failure("ECONNREFUSED"), Unreachable],
    [answer(400, { error: "No.", code: "INVALID_AMOUNT", field: "amount" }), Refused],
    [answer(503, { error: "Later.", code: "TEMPORARILY_UNAVAILABLE" }), Refused],
    [answer(404, "<html>"), Unreachable],
  ];
  for (const [reason, kind] of reasons) {
    const { fetch, asked } = fetching(reason);
    await assert.rejects(new EngineClient("http://engine", { fetch }).submit(ORDER), kind);
    assert.equal(asked.length, 1);
  }
});

test("once an answer was lost, an engine that is busy or away says nothing about that submit", async () => {
  const { fetch, asked } = fetching(failure(undefined), failure("ECONNREFUSED"), answer(429, {}), answer(503, { code: "TEMPORARILY_UNAVAILABLE" }));
  await assert.rejects(new EngineClient("http://engine", { fetch }).submit(ORDER), OutcomeUnknown);
  assert.equal(asked.length, 4);
  const refused = fetching(failure(undefined), answer(401, { code: "UNAUTHENTICATED" }));
  await assert.rejects(new EngineClient("http://engine", refused).submit(ORDER), Refused);
});

test("a refusal has its status, code, sentence and the whole answer", async () => {
  const { fetch } = fetching(answer(409, { error: "Too late.", code: "NOT_CANCELLABLE", status: "routing" }));
  await assert.rejects(new EngineClient("http://engine", { fetch }).cancel(ID), (error) => {
    assert.deepEqual([error.status, error.code, error.message, error.answer.status], [409, "NOT_CANCELLABLE", "Too late.", "routing"]);
    return error.name === "Refused";
  });
});

test("every order of a batch has a key", async () => {
  const { fetch, asked } = fetching(answer(200, { results: [{ orderId: ID }, { code: "INVALID_AMOUNT" }] }));
  const results = await new EngineClient("http://engine", { fetch }).batch([ORDER, { ...ORDER, clientOrderId: "mine" }]);
  assert.equal(results.length, 2);
  assert.ok(asked[0].body.orders[0].clientOrderId);
  assert.equal(asked[0].body.orders[1].clientOrderId, "mine");
});

test("all that rest are cancelled, however many answers that takes", async () => {
  const { fetch, asked } = fetching(answer(200, { cancelled: ["a", "b"] }), answer(200, { cancelled: ["c"] }), answer(200, { cancelled: [] }));
  assert.deepEqual(await new EngineClient("http://engine", { fetch }).cancelAll({ tokenIn: "SOL" }), ["a", "b", "c"]);
  assert.equal(asked[0].url, "http://engine/api/orders?tokenIn=SOL");
});

test("all orders are read page by page", async () => {
  const pages = fetching(answer(200, { orders: [{ orderId: "a" }], next: "1-a" }), answer(200, { orders: [{ orderId: "b" }], next: null }));
  const found = [];
  for await (const order of new EngineClient("http://engine", pages).allOrders({ status: ["open", "pending"] })) found.push(order.orderId);
  assert.deepEqual(found, ["a", "b"]);
  assert.match(pages.asked[1].url, /status=open%2Cpending&cursor=1-a$/);
});

test("an id that leads to another path is refused here", async () => {
  const { fetch, asked } = fetching(ACCEPTED);
  for (const id of ["", ".", ".."]) await assert.rejects(new EngineClient("http://engine", { fetch }).cancel(id), Refused);
  assert.equal(asked.length, 0);
});

test("a key goes with every request", async () => {
  const { fetch, asked } = fetching(answer(200, { tokens: [] }));
  await new EngineClient("http://engine", { fetch, apiKey: "oek_1" }).tokens();
  assert.equal(asked[0].headers.Authorization, "Bearer oek_1");
});

// --- Events ---

test("events come in their order, to the last one", async () => {
  const { WebSocket, opened } = sockets((socket) => {
    socket.open();
    socket.say(event(1), event(2, "routing"), event(3, "confirmed"), event(4, "never"));
  });
  const client = new EngineClient("https://engine/v1", { ...fetching(ACCEPTED), WebSocket });
  assert.deepEqual(await seen(client.follow(ID, { websocket: `/api/orders/execute?orderId=${ID}` })), [1, 2, 3]);
  assert.equal(opened[0].url, `wss://engine/v1/api/orders/execute?orderId=${ID}`);
});

test("an event that is missing is asked for, and one that is missing again and again is an error", async () => {
  const whole = (socket) => { socket.open(); socket.say(event(2), event(3, "confirmed")); };
  const withGap = (socket) => { socket.open(); socket.say(event(1), event(3, "confirmed")); };
  const { WebSocket, opened } = sockets(withGap, whole);
  const client = new EngineClient("http://engine", { ...fetching(answer(200, { websocket: "/s" })), WebSocket });
  assert.deepEqual(await seen(client.follow(ID)), [1, 2, 3]);
  assert.match(opened[1].url, /after=1/);

  const never = sockets(...Array(4).fill((socket) => { socket.open(); socket.say(event(2)); }));
  const other = new EngineClient("http://engine", { ...fetching(answer(200, { websocket: "/s" })), ...never });
  await assert.rejects(seen(other.follow(ID)), /leaves out the event after 0/);
});

test("a connection that broke is made again, after the last event, and no event comes twice", async () => {
  const { WebSocket, opened } = sockets(
    (socket) => { socket.open(); socket.say(event(1), event(2)); socket.drop(); },
    (socket) => { socket.open(); socket.say(event(2), event(3, "confirmed")); },
  );
  const connections = [];
  const client = new EngineClient("http://engine", { ...fetching(ACCEPTED), WebSocket });
  const events = client.follow(ID, { websocket: "ws://sockets/x?orderId=1", onConnection: (is) => connections.push(is) });
  assert.deepEqual(await seen(events), [1, 2, 3]);
  assert.equal(opened[1].url, "ws://sockets/x?orderId=1&after=2");
  assert.deepEqual(connections, [true, false, true]);
});

test("with a key each connection has a ticket of its own, the first that of the submit", async () => {
  const tickets = fetching(answer(201, { websocket: "wss://sockets/?ticket=2" }), answer(201, { websocket: "wss://sockets/?ticket=3" }));
  const { WebSocket, opened } = sockets(
    (socket) => { socket.open(); socket.drop(1000); },
    (socket) => { socket.open(); socket.say({ error: "It was used.", code: "INVALID_TICKET" }); socket.drop(4401); },
    (socket) => { socket.open(); socket.say(event(1, "confirmed")); },
  );
  const client = new EngineClient("https://engine", { ...tickets, WebSocket, apiKey: "oek_1" });
  assert.deepEqual(await seen(client.follow(ID, { websocket: "wss://sockets/?ticket=1" })), [1]);
  assert.deepEqual(opened.map(({ url }) => new URL(url).searchParams.get("ticket")), ["1", "2", "3"]);
  assert.deepEqual(tickets.asked[0].body, { orderId: ID });
});

test("a silent connection is sent a ping, and is broken when that is not answered", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const silence = () => mock.timers.tick(10_000);
    const { WebSocket, opened } = sockets(
      (socket) => {
        socket.open();
        let pings = 0;
        socket.onSent = () => {
          pings += 1;
          if (pings === 1) socket.say({ action: "pong" }); // and the second is not answered
          setImmediate(silence);
        };
        setImmediate(silence);
      },
      (socket) => { socket.open(); socket.say(event(1, "confirmed")); },
    );
    const client = new EngineClient("http://engine", { ...fetching(ACCEPTED), WebSocket });
    const pausing = setInterval(() => mock.timers.tick(opened.length > 1 ? 0 : 200), 20);
    assert.deepEqual(await seen(client.follow(ID, { websocket: "/s" })), [1]);
    clearInterval(pausing);
    assert.deepEqual(opened[0].sent, [{ action: "ping" }, { action: "ping" }]);
    assert.equal(opened.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test("an order that there is not is refused, whether the connection says so or only fails", async () => {
  const saying = sockets((socket) => {
    socket.open();
    socket.say({ error: "There is no order.", code: "ORDER_NOT_FOUND" });
    socket.drop(4404);
  });
  const refused = (error) => error instanceof Refused && error.status === 404 && error.code === "ORDER_NOT_FOUND";
  const client = new EngineClient("http://engine", { ...fetching(ACCEPTED), ...saying });
  await assert.rejects(seen(client.follow(ID, { websocket: "/s" })), refused);
  const failing = sockets((socket) => socket.drop());
  const missing = fetching(answer(404, { error: "There is no order.", code: "ORDER_NOT_FOUND" }));
  await assert.rejects(seen(new EngineClient("http://engine", { ...missing, ...failing }).follow(ID, { websocket: "/s" })), refused);
});

test("an engine that is too busy for a connection is asked again", async () => {
  const { WebSocket } = sockets(
    (socket) => { socket.open(); socket.say({ error: "Later.", code: "TEMPORARILY_UNAVAILABLE" }); socket.drop(4503); },
    (socket) => { socket.open(); socket.say(event(1, "expired")); },
  );
  const client = new EngineClient("http://engine", { ...fetching(answer(200, { websocket: "/s" })), WebSocket });
  assert.deepEqual(await seen(client.follow(ID, { websocket: "/s" })), [1]);
});

test("patience ends", async () => {
  const client = new EngineClient("http://engine", { ...fetching(failure("ECONNREFUSED")), ...sockets() });
  await assert.rejects(seen(client.follow(ID, { patienceMs: 200 })), (error) => error instanceof Unreachable && /not back/.test(error.message));
});

test("a failed order that was redriven is followed further", async () => {
  const { WebSocket } = sockets((socket) => { socket.open(); socket.say(event(1, "failed"), event(2), event(3, "confirmed")); });
  const orders = fetching(answer(200, { events: [event(1), event(2)] }));
  assert.deepEqual(await seen(new EngineClient("http://engine", { ...orders, WebSocket }).follow(ID, { websocket: "/s" })), [1, 2, 3]);
});

test("it ends when its signal is aborted", async () => {
  const stop = new AbortController();
  const { WebSocket } = sockets((socket) => { socket.open(); socket.say(event(1)); });
  const client = new EngineClient("http://engine", { ...fetching(ACCEPTED), WebSocket });
  const found = [];
  for await (const each of client.follow(ID, { websocket: "/s", signal: stop.signal })) {
    found.push(each.seq);
    stop.abort();
  }
  assert.deepEqual(found, [1]);
});
