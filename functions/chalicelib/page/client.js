/**
 * The client library: the engine's API for programs in JavaScript, in browsers and in Node 20 or newer.
 *
 * HTTP to submit, cancel and ask, a WebSocket for the events of an order. Both survive a broken connection:
 *
 * submit, batch    have idempotency keys, and are sent again under them until the answer comes; so each order
 *                  is placed once
 * cancel           is sent again until its answer comes: to cancel an order twice is the same as once
 * follow           connects again, and asks for the events after the last one that it has received
 *
 * Every method throws Unreachable or Refused. Node has no WebSocket before version 22: start it with
 * `--experimental-websocket` there, or pass a class as the option `WebSocket`.
 */

/**
 * Anything that the engine answers: a JSON object with the fields that its README lists.
 * @typedef {Record<string, any>} Wire
 *
 * An order's terms, the body of a submit.
 * @typedef {Record<string, unknown>} Terms
 *
 * @typedef {object} Options
 * @property {string} [apiKey] for an engine that takes keys
 * @property {number} [timeoutMs] how long an answer may take
 * @property {typeof fetch} [fetch]
 * @property {typeof WebSocket} [WebSocket]
 *
 * @typedef {object} Filter which orders; each may be left out
 * @property {string | string[]} [status]
 * @property {string | string[]} [type]
 * @property {string} [tokenIn]
 * @property {string} [tokenOut]
 * @property {string} [from] submitted then or later, a time of RFC 3339
 * @property {string} [to] submitted before
 * @property {string} [clientOrderId]
 * @property {number} [limit] orders a page
 * @property {string} [cursor] the `next` of the page before
 *
 * @typedef {object} Following
 * @property {number} [after] the last event that is known
 * @property {string} [websocket] what the submit answered
 * @property {number} [patienceMs] how long a connection that broke may be away
 * @property {AbortSignal} [signal] ends the iteration
 * @property {(isConnected: boolean) => void} [onConnection] called when the connection is there, and when it broke
 */

export const TERMINAL = ["confirmed", "failed", "cancelled", "expired"];

const TRIES = 4; // of a request that may be sent again
const BUSY = [429, 503];
const SILENT_FOR_MS = 10_000; // then the engine is sent a ping, and as long again to answer it
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const MOST_GAPS = 3; // in a row, in the events of an order
const PING = JSON.stringify({ action: "ping" });
const REFUSED = 4000; // a close code of a refused connection is this and the HTTP status of the reason
/** What a connection attempt ends with, where no proxy took it; in Node alone, browsers do not say. */
const NOT_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

/** What was asked of the engine has no result. */
export class EngineError extends Error {
  /**
   * @param {string} message
   * @param {unknown} [cause]
   */
  constructor(message, cause) {
    super(message, { cause });
    this.name = new.target.name;
  }
}

/** No engine answers; `sent`: the request may have reached one. */
export class Unreachable extends EngineError {
  /**
   * @param {string} message
   * @param {{ sent?: boolean, cause?: unknown }} [more]
   */
  constructor(message, { sent = false, cause } = {}) {
    super(message, cause);
    this.sent = sent;
  }
}

/** A submit was sent, and its answer did not come; submitting again under `key` places it at most once. */
export class OutcomeUnknown extends EngineError {
  /**
   * @param {string} url
   * @param {string} key
   * @param {EngineError} cause
   */
  constructor(url, key, cause) {
    super(`The order may have been placed: ${url} took the submit and did not answer (${cause.message}).`, cause);
    this.key = key;
  }
}

/** The engine refused; `status`, `code` and `answer` say why. */
export class Refused extends EngineError {
  /**
   * @param {number} status
   * @param {Wire} answer
   */
  constructor(status, answer) {
    super(String(answer.error ?? `The engine answered ${status}.`));
    this.status = status;
    this.code = String(answer.code ?? "");
    this.answer = answer;
  }
}

/** The engine at a URL, which may have a path of its own: a stage, or a proxy's prefix. */
export class EngineClient {
  /** @type {string | undefined} */
  #apiKey;
  #timeoutMs;
  #fetch;
  #WebSocket;

  /**
   * @param {string | URL} url
   * @param {Options} [options]
   */
  constructor(url, { apiKey, timeoutMs = 35_000, fetch = globalThis.fetch, WebSocket } = {}) {
    this.url = String(url).replace(/\/+$/, "");
    this.#apiKey = apiKey || undefined;
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetch.bind(globalThis); // a browser's wants to be called on the window
    this.#WebSocket = WebSocket ?? globalThis.WebSocket;
  }

  /**
   * Submit an order: `{orderId, status, websocket}`.
   *
   * It is sent under `key`, or one of its own, and again while the answer does not come. Throws OutcomeUnknown
   * if it never does: then the order may have been placed. Any other error says that it was not.
   * @param {Terms} terms
   * @param {{ key?: string }} [options]
   * @returns {Promise<Wire>}
   */
  async submit(terms, { key = newKey() } = {}) {
    const body = { ...terms, clientOrderId: key };
    return this.#askAgain("POST", "api/orders/execute", { body }, (lost) => new OutcomeUnknown(this.url, key, lost));
  }

  /**
   * Submit up to 100 orders at once; for each, in their order, a submit's answer or `{error, code}`.
   *
   * Each is placed under its `clientOrderId`, or a key of its own. Throws OutcomeUnknown, whose `key` is all
   * keys with commas between, if no answer ever comes.
   * @param {Terms[]} orders
   * @returns {Promise<Wire[]>}
   */
  async batch(orders) {
    const keyed = orders.map((terms) => ({ clientOrderId: newKey(), ...terms }));
    const keys = keyed.map((terms) => terms.clientOrderId).join(",");
    const failed = (/** @type {EngineError} */ lost) => new OutcomeUnknown(this.url, keys, lost);
    const answer = await this.#askAgain("POST", "api/orders/batch", { body: { orders: keyed } }, failed);
    return answer.results;
  }

  /**
   * Cancel an order that no worker has taken; the order, which is cancelled.
   *
   * Throws Refused with the code NOT_CANCELLABLE, and the order's `status` in its answer, once it is too late.
   * @param {string} orderId
   * @returns {Promise<Wire>}
   */
  async cancel(orderId) {
    return this.#askAgain("DELETE", orderPath(orderId), {}, (lost) => lost);
  }

  /**
   * Cancel this client's resting orders, of these tokens and this type where given; their ids.
   * @param {{ tokenIn?: string, tokenOut?: string, type?: string }} [only]
   * @returns {Promise<string[]>}
   */
  async cancelAll(only = {}) {
    const cancelled = [];
    for (;;) { // an answer has a limited number of them
      const answer = await this.#askAgain("DELETE", "api/orders", { query: only }, (lost) => lost);
      if (answer.cancelled.length === 0) return cancelled;
      cancelled.push(...answer.cancelled);
    }
  }

  /**
   * The tokens that are traded: `{symbol, mint, decimals, tradable}`; `openedAt` of launched ones.
   * @returns {Promise<Wire[]>}
   */
  async tokens() {
    return (await this.#ask("GET", "api/tokens")).tokens;
  }

  /**
   * An order with its `events`.
   * @param {string} orderId
   * @returns {Promise<Wire>}
   */
  async order(orderId) {
    return this.#ask("GET", orderPath(orderId));
  }

  /**
   * One page of orders, newest first: `{orders, next}`.
   * @param {Filter} [filter]
   * @returns {Promise<Wire>}
   */
  async orders(filter = {}) {
    return this.#ask("GET", "api/orders", { query: filter });
  }

  /**
   * Every order, newest first, page by page as they are needed.
   * @param {Filter} [filter]
   * @returns {AsyncGenerator<Wire, void, void>}
   */
  async *allOrders(filter = {}) {
    let cursor = filter.cursor;
    do {
      const page = await this.orders({ ...filter, cursor });
      yield* page.orders;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  /**
   * Every venue's quote for an order with these terms, which is not placed.
   * @param {Terms} terms
   * @returns {Promise<Wire>}
   */
  async quote(terms) {
    return this.#ask("GET", "api/quote", { query: terms });
  }

  /**
   * The latest prices of every venue, oldest first: `{at, everyMs, venues}`.
   * @param {{ tokenIn: string, tokenOut: string, everyMs?: number, count?: number }} asked
   * @returns {Promise<Wire>}
   */
  async prices(asked) {
    return this.#ask("GET", "api/prices", { query: asked });
  }

  /**
   * What the engine is busy with: its parts, queue, orders, latencies. The key needs the scope `admin`.
   * @returns {Promise<Wire>}
   */
  async engine() {
    return this.#ask("GET", "api/engine");
  }

  /**
   * Messages that failed for good: `{deadLetters, total}`. The key needs the scope `admin`.
   * @param {{ limit?: number }} [asked]
   * @returns {Promise<Wire>}
   */
  async deadLetters(asked = {}) {
    return this.#ask("GET", "api/dead-letters", { query: asked });
  }

  /**
   * Give failed orders another set of attempts; for each `{orderId, redriven, reason}`.
   * @param {string[]} orderIds
   * @returns {Promise<Wire[]>}
   */
  async redrive(orderIds) {
    return (await this.#ask("POST", "api/dead-letters/redrive", { body: { orderIds } })).results;
  }

  /**
   * The address of a WebSocket for a page without the key: of one order, or of all; for one connection, soon.
   * @param {string} [orderId]
   * @returns {Promise<Wire>}
   */
  async ticket(orderId) {
    return this.#ask("POST", "api/tickets", { body: { orderId } });
  }

  /**
   * `{status, …}`; Refused with the same answer when degraded.
   * @returns {Promise<Wire>}
   */
  async health() {
    return this.#ask("GET", "health");
  }

  /**
   * The order's events after the `after`-th, each once and in their order, as they come, to its last one.
   *
   * An order that rests (`open`) is waited for, however long that is. Throws Unreachable when a connection
   * that broke could not be made again for `patienceMs`.
   * @param {string} orderId
   * @param {Following} [options]
   * @returns {AsyncGenerator<Wire, void, void>}
   */
  async *follow(orderId, { after = 0, websocket, patienceMs = 30_000, signal, onConnection } = {}) {
    let address = websocket;
    let lastSign = Date.now();
    let pauseMs = FIRST_PAUSE_MS;
    let gaps = 0;
    while (!signal?.aborted) {
      /** @type {Connection | undefined} */
      let connection;
      try {
        address ??= await this.#address(orderId);
        const url = this.#socketUrl(address, after);
        connection = new Connection(this.#WebSocket, url, { signal, onOpen: () => onConnection?.(true) });
        for await (const message of connection.messages()) {
          [lastSign, pauseMs] = [Date.now(), FIRST_PAUSE_MS];
          if (message === undefined || !(message.seq > after)) continue; // no event; or one that a relay had sent before it was killed
          if (message.seq > after + 1) { // the engine has those between: they are asked for again
            gaps += 1;
            break;
          }
          [after, gaps] = [message.seq, 0];
          yield message;
          if (TERMINAL.includes(message.status) && (await this.#isLast(message))) return;
        }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (error instanceof Refused && !isPassing(error)) throw error;
        if (Date.now() - lastSign > patienceMs) {
          throw new Unreachable(`The connection to ${this.url} broke and is not back.`, { cause: error });
        }
      } finally {
        connection?.close();
      }
      if (signal?.aborted) return;
      if (gaps > MOST_GAPS) throw new Unreachable(`${this.url} leaves out the event after ${after} of order ${orderId}.`);
      onConnection?.(false);
      if (this.#apiKey || !connection?.wasOpen) address = undefined; // a ticket is good for one connection
      await sleep(pauseMs * (1 + Math.random() / 4), signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /**
   * Where a WebSocket gets the order's events. With a key, of which a browser's WebSocket can send none, it
   * has a ticket in it. Throws Refused where there is no such order: a handshake that is refused does not say.
   * @param {string} orderId
   * @returns {Promise<string>}
   */
  async #address(orderId) {
    if (!this.#apiKey) return (await this.order(orderId)).websocket;
    return (await this.ticket(orderId)).websocket;
  }

  /**
   * Whether this terminal event is the last: `failed` is not if the order was redriven.
   * @param {Wire} event
   */
  async #isLast(event) {
    if (event.status !== "failed") return true;
    try {
      const { events } = await this.order(event.orderId);
      return events[events.length - 1].seq === event.seq;
    } catch (error) {
      if (error instanceof EngineError) return true;
      throw error;
    }
  }

  /**
   * @param {string} address
   * @param {number} after
   */
  #socketUrl(address, after) {
    const url = this.#absolute(address);
    const isSecure = this.#absolute("").protocol === "https:" || ["https:", "wss:"].includes(url.protocol);
    url.protocol = isSecure ? "wss:" : "ws:";
    if (after > 0) url.searchParams.set("after", String(after));
    return url.href;
  }

  /**
   * A path below the engine's own, or an address that is whole.
   * @param {string} path
   */
  #absolute(path) {
    const page = globalThis.location?.href; // in a browser the engine's URL may be a path alone
    return new URL(path.replace(/^\/+/, ""), new URL(`${this.url}/`, page));
  }

  /**
   * The answer to a request that may be carried out twice; sent again while its answer does not come.
   *
   * Throws what `lost` makes of the reason if it never does; any other error says that nothing was done.
   * @param {string} method
   * @param {string} path
   * @param {{ body?: unknown, query?: object }} more
   * @param {(reason: EngineError) => EngineError} lost
   * @returns {Promise<Wire>}
   */
  async #askAgain(method, path, more, lost) {
    /** @type {EngineError | undefined} */
    let reason; // why the answer to an earlier try did not come
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#ask(method, path, more);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (mayHaveActed(error)) reason = error;
        else if (reason === undefined || isFinal(error)) throw error;
      }
      if (tried === TRIES) throw lost(reason);
      await sleep(FIRST_PAUSE_MS * 2 ** tried);
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ body?: unknown, query?: object }} [more]
   * @returns {Promise<Wire>}
   */
  async #ask(method, path, { body, query = {} } = {}) {
    const url = this.#absolute(path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
    }
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (this.#apiKey) headers.Authorization = `Bearer ${this.#apiKey}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let status = 0;
    let text = "";
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const content = body === undefined ? undefined : JSON.stringify(body);
      const answer = await this.#fetch(url, { method, headers, body: content, signal, cache: "no-store" });
      status = answer.status;
      text = await answer.text();
    } catch (cause) {
      const sent = !NOT_SENT.includes(codeOf(cause));
      throw new Unreachable(`No engine answers at ${this.url}.`, { sent, cause });
    }
    const found = parse(text);
    if (found === undefined) {
      const sent = status >= 500; // as a proxy does that waited for the engine in vain
      throw new Unreachable(`What answers there is not an order engine: it said ${status}.`, { sent });
    }
    if (status < 200 || status >= 300) throw new Refused(status, found);
    return found;
  }
}

/** A WebSocket as an iterator over its messages, which are JSON objects. */
class Connection {
  wasOpen = false;
  #socket;
  /** @type {(Wire | undefined)[]} */
  #received = []; // undefined is a sign of life that says nothing
  /** @type {Wire | undefined} */
  #refusal; // what the engine said before it closes the connection
  /** @type {EngineError | undefined} */
  #ended;
  #wake = () => {};

  /**
   * @param {typeof WebSocket} WebSocket
   * @param {string} url
   * @param {{ signal?: AbortSignal, onOpen: () => void }} more
   */
  constructor(WebSocket, url, { signal, onOpen }) {
    if (!WebSocket) throw new Error("There is no WebSocket here; pass a class as the option `WebSocket`.");
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => {
      this.wasOpen = true;
      onOpen();
      this.#receive(undefined);
    };
    this.#socket.onmessage = ({ data }) => this.#receive(parse(String(data)));
    this.#socket.onerror = () => {}; // `close` comes after it, and says as much
    this.#socket.onclose = ({ code, reason }) => this.#end(this.#reasonOf(code, reason));
    signal?.addEventListener("abort", () => this.close(), { once: true });
  }

  /**
   * Throws Unreachable when the connection breaks, also where it is only silent, and Refused.
   * @returns {AsyncGenerator<Wire | undefined, void, void>}
   */
  async *messages() {
    let isAsked = false; // by a ping that was not answered yet
    for (;;) {
      while (this.#received.length > 0) {
        isAsked = false;
        yield this.#received.shift();
      }
      if (this.#ended) throw this.#ended;
      if (await this.#hasNews()) continue;
      if (isAsked || !this.wasOpen) throw new Unreachable("The connection is silent.");
      isAsked = true;
      this.#socket.send(PING);
    }
  }

  close() {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#end(new Unreachable("The connection was closed here."));
    try {
      this.#socket.close();
    } catch {
      // it had not opened yet
    }
  }

  /** Whether something came, or the connection ended, before it was silent for too long. */
  #hasNews() {
    return new Promise((/** @type {(is: boolean) => void} */ resolve) => {
      const timer = setTimeout(() => resolve(false), SILENT_FOR_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** @param {Wire | undefined} message */
  #receive(message) {
    if (message && "error" in message && !("seq" in message)) this.#refusal = message;
    this.#received.push(message);
    this.#wake();
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #reasonOf(code, reason) {
    if (code > REFUSED) return new Refused(code - REFUSED, this.#refusal ?? { error: reason || undefined });
    return new Unreachable(`The connection was closed (${code}${reason ? `: ${reason}` : ""}).`);
  }

  /** @param {EngineError} reason */
  #end(reason) {
    this.#ended ??= reason;
    this.#wake();
  }
}

/** An idempotency key that no other submit has. */
export function newKey() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16)); // a page that came without TLS
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} orderId */
function orderPath(orderId) {
  const part = encodeURIComponent(orderId);
  if (["", ".", ".."].includes(part)) { // which lead to another path
    throw new Refused(400, { error: "That is no order's id.", code: "INVALID_ORDER_ID" });
  }
  return `api/orders/${part}`;
}

/**
 * Whether a request that ended so may have been carried out all the same.
 * @param {EngineError} error
 */
function mayHaveActed(error) {
  if (error instanceof Unreachable) return error.sent;
  if (!(error instanceof Refused)) return false;
  if (error.status === 503 && error.code === "TEMPORARILY_UNAVAILABLE") return false; // nothing is stored
  return error.status >= 500;
}

/**
 * Whether an engine that refuses a request so would have refused it at any other time.
 * @param {EngineError} error
 */
function isFinal(error) {
  return error instanceof Refused && error.status < 500 && !BUSY.includes(error.status);
}

/**
 * Whether a connection that was refused so may be made a moment later.
 * @param {Refused} error
 */
function isPassing(error) {
  return error.status >= 500 || BUSY.includes(error.status) || error.code === "INVALID_TICKET";
}

/**
 * The JSON object that a text is, if it is one.
 * @param {string} text
 * @returns {Wire | undefined}
 */
function parse(text) {
  try {
    const found = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What Node says of a request that could not be made.
 * @param {unknown} error
 */
function codeOf(error) {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
