/** Watch an order: its life drawn as it happens, from its first event, whenever one starts to look. */

import { EngineError, Refused, TERMINAL } from "./client.js";
import { announce, facts, fill, h, note, pill } from "./dom.js";
import { entry, fillOf } from "./events.js";
import { condition, dateAndTime, short, summary, venue } from "./format.js";
import { pause } from "./poll.js";
import { ask, engine, report } from "./session.js";
import { findToken, loadTokens } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */

const CANCELLABLE = ["open", "pending"];
const STEPS = ["pending", "routing", "building", "submitted", "confirmed"];
const RETRY_MS = 1_000;
const RECENT = 8;

/**
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 * @param {string} orderId
 */
export async function watch(root, signal, orderId) {
  if (!orderId) return choose(root, signal);
  fill(root, h("p", { class: "muted" }, "Loading the order …"));
  const order = await load(orderId, signal);
  if (!order || signal.aborted) return;
  const life = new Life(order);
  fill(root, life.element);
  while (!signal.aborted) {
    try {
      await follow(life, signal);
      return;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      life.setConnected(false);
      await pause(RETRY_MS, signal);
      await load(orderId, signal); // which asks for a key where one is needed
    }
  }
}

/**
 * Draw every event as it comes, until the last one.
 * @param {Life} life
 * @param {AbortSignal} signal
 */
async function follow(life, signal) {
  let lost = 0;
  const events = engine().follow(life.orderId, {
    after: life.lastSeq,
    patienceMs: Infinity,
    signal,
    onConnection: (isConnected) => {
      life.setConnected(isConnected);
      lost = isConnected ? 0 : lost + 1;
      report(lost > 1); // one that was closed and is made again at once is no outage
    },
  });
  for await (const event of events) {
    life.add(event);
    announce(`The order is ${event.status}.`);
  }
  if (signal.aborted) return;
  life.setConnected(undefined);
  life.finish(await ask((client) => client.order(life.orderId)));
}

/**
 * The order, once the engine is there to ask; its error where there is no such order.
 * @param {string} orderId
 * @param {AbortSignal} signal
 * @returns {Promise<Wire | undefined>}
 */
async function load(orderId, signal) {
  while (!signal.aborted) {
    try {
      const [order] = await Promise.all([ask((client) => client.order(orderId)), loadTokens()]);
      if (!findToken(order.tokenOut)) await loadTokens({ fresh: true }); // launched since
      return order;
    } catch (error) {
      if (!(error instanceof EngineError) || (error instanceof Refused && error.status < 500)) throw error;
      await pause(RETRY_MS, signal);
    }
  }
  return undefined;
}

/** One order on the screen. */
class Life {
  /** @type {Wire[]} */
  #events = [];
  #order;
  #status = h("span", {});
  #connection = h("span", { class: "muted connection" });
  #steps = h("ol", { class: "steps", "aria-label": "Progress" });
  #history = h("ol", { class: "history", "aria-label": "History" });
  #fill = h("div", { class: "fill-place" });
  #problem = h("div", { role: "alert" });
  #cancel = h("button", { type: "button", onclick: () => this.#askToCancel() }, "Cancel order");

  /** @param {Wire} order */
  constructor(order) {
    this.#order = order;
    this.element = h("div", { class: "life" },
      h("section", { class: "panel order", "aria-label": "Order" },
        h("div", { class: "top" },
          h("div", {}, h("p", { class: "headline" }, summary(order)), this.#status),
          h("div", { class: "actions" }, this.#connection, this.#cancel)),
        this.#problem,
        this.#steps,
        this.#terms()),
      h("section", { class: "panel", "aria-labelledby": "history-title" },
        h("h2", { id: "history-title" }, "History"), this.#history),
      this.#fill);
    this.#showStatus(order.status);
    this.#drawSteps();
  }

  get orderId() {
    return String(this.#order.orderId);
  }

  get lastSeq() {
    return this.#events.length > 0 ? this.#events[this.#events.length - 1].seq : 0;
  }

  /** @param {Wire} event */
  add(event) {
    const before = this.#events[this.#events.length - 1];
    this.#events.push(event);
    this.#history.append(entry(event, { order: this.#order, first: this.#events[0], before }));
    this.#showStatus(event.status);
    this.#drawSteps();
  }

  /** @param {boolean | undefined} isConnected undefined: no more events are expected */
  setConnected(isConnected) {
    const text = isConnected === undefined ? "" : isConnected ? "live" : "reconnecting …";
    this.#connection.textContent = text;
    this.#connection.className = `muted connection ${isConnected ? "live" : ""}`;
  }

  /** @param {Wire} order as it is at its end */
  finish(order) {
    this.#order = order;
    fill(this.#fill, fillOf(order));
    this.element.classList.toggle("filled", Boolean(order.fill));
  }

  #terms() {
    const order = this.#order;
    return facts([
      ["Type", `${order.type ?? "market"}, ${condition(order)}`],
      ["Order", h("code", { class: "id" }, order.orderId)],
      ["Placed", h("time", { datetime: order.createdAt }, dateAndTime(order.createdAt))],
      ["Slippage", order.slippageBps === "auto" ? "the engine's choice" : `${order.slippageBps / 100} %`],
      ["Receive at least", order.events?.[0]?.minimumOut],
      ["Venues", order.dexes && order.dexes.map(venue).join(", ")],
      ["Expires", order.expiresAt && dateAndTime(order.expiresAt)],
    ]);
  }

  /** @param {string} status */
  #showStatus(status) {
    fill(this.#status, pill(status));
    this.#cancel.hidden = !CANCELLABLE.includes(status);
    if (!CANCELLABLE.includes(status)) fill(this.#problem);
  }

  /** How far the order is; an attempt that failed starts over. */
  #drawSteps() {
    const last = this.#events[this.#events.length - 1] ?? { status: this.#order.status, attempt: 1 };
    const rests = this.#order.type && this.#order.type !== "market";
    const names = rests ? ["open", ...STEPS] : STEPS;
    const hasEnded = TERMINAL.includes(last.status) && last.status !== "confirmed";
    const before = this.#events[this.#events.length - 2];
    const reached = names.indexOf(hasEnded ? before?.status ?? "pending" : last.status);
    const steps = names.map((name, index) => {
      const isDone = index < reached || last.status === "confirmed";
      const isNow = index === reached && !isDone;
      const kind = isDone ? "done" : isNow ? (hasEnded ? last.status : "now") : "";
      const word = isNow && hasEnded ? last.status : name;
      return h("li", { class: kind, "aria-current": isNow ? "step" : false }, h("span", {}, word));
    });
    fill(this.#steps, ...steps);
    this.#steps.dataset.attempt = last.attempt > 1 ? `attempt ${last.attempt}` : "";
  }

  async #askToCancel() {
    this.#cancel.disabled = true;
    fill(this.#problem);
    try {
      await ask((client) => client.cancel(this.orderId));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      fill(this.#problem, note("bad", error.message));
    } finally {
      this.#cancel.disabled = false;
    }
  }
}

/**
 * Which order to watch: by its id, or one of the newest.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
async function choose(root, signal) {
  const id = h("input", { type: "text", id: "order-id", spellcheck: "false", autocomplete: "off", required: true,
    placeholder: "00000000-0000-0000-0000-000000000000" });
  const form = h("form", { class: "panel find" },
    h("div", { class: "field" }, h("label", { for: "order-id" }, "Order id"), id),
    h("button", { class: "primary" }, "Watch"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = `#/orders/${encodeURIComponent(id.value.trim())}`;
  });
  const newest = h("ul", { class: "newest" });
  fill(root, form, h("section", { class: "panel", "aria-labelledby": "newest-title" },
    h("h2", { id: "newest-title" }, "The newest orders"), newest));
  const { orders } = await ask((client) => client.orders({ limit: RECENT }));
  if (signal.aborted) return;
  const items = orders.map((/** @type {Wire} */ order) => h("li", {},
    h("a", { href: `#/orders/${order.orderId}` }, summary(order)), " ",
    pill(order.status), h("span", { class: "muted" }, ` ${order.type ?? "market"}, ${dateAndTime(order.createdAt)}, ${short(order.orderId)}`)));
  fill(newest, ...(items.length > 0 ? items : [h("li", { class: "muted" }, "There is none yet. ", h("a", { href: "#/place" }, "Place one."))]));
}
