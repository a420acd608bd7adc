/** Engine: what waits, what is in flight, what failed for good, how fast it is, and whether each part is well. */

import { EngineError, Refused } from "./client.js";
import { announce, facts, fill, h, note, pill, table } from "./dom.js";
import { times } from "./events.js";
import { amount, count, dateAndTime, duration, short } from "./format.js";
import { replaceWithFocus } from "./orders.js";
import { poll } from "./poll.js";
import { ask } from "./session.js";

/** @typedef {import("./client.js").Wire} Wire */
/** @typedef {import("./dom.js").Child} Child */

const REFRESH_MS = 2_000;
const DEAD_LETTERS = 20;

/**
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export async function engine(root, signal) {
  const numbers = h("div", { class: "numbers" });
  const dead = h("section", { class: "panel", "aria-labelledby": "dead-title", hidden: true });
  const problem = h("div", { role: "alert" });
  fill(root, problem, numbers, dead);

  async function refresh() {
    const found = await readEngine();
    if (signal.aborted) return;
    fill(problem);
    fill(numbers, ...panels(found));
  }

  async function refreshDeadLetters() {
    const found = await available(() => ask((client) => client.deadLetters({ limit: DEAD_LETTERS })));
    if (signal.aborted || !found) return;
    dead.hidden = false;
    replaceWithFocus(dead, ...deadLetters(found, redrive));
  }

  /** @param {string[]} orderIds */
  async function redrive(orderIds) {
    try {
      const results = await ask((client) => client.redrive(orderIds));
      const left = results.filter(({ redriven }) => !redriven);
      announce(`${results.length - left.length} orders are redriven.`);
      fill(problem, ...left.map(({ orderId, reason }) => note("warn", `${short(orderId)}: ${reason ?? "not redriven"}`)));
      await refreshDeadLetters();
    } catch (error) {
      showError(error);
    }
  }

  /** @param {unknown} error */
  function showError(error) {
    if (!(error instanceof EngineError)) throw error;
    const isForbidden = error instanceof Refused && error.status === 403;
    fill(problem, note(isForbidden ? "info" : "warn", isForbidden ? "This needs a key with the scope admin." : error.message));
  }

  const shown = (/** @type {() => Promise<void>} */ work) => async () => {
    try {
      await work();
    } catch (error) {
      showError(error);
      throw error; // so that it is asked less often
    }
  };
  await Promise.all([poll(shown(refresh), REFRESH_MS, signal), poll(shown(refreshDeadLetters), 2 * REFRESH_MS, signal)]);
}

/** What the engine says of itself; an engine that is older says in `/health` what it can. */
async function readEngine() {
  const found = await available(() => ask((client) => client.engine()));
  if (found) return found;
  const health = await ask((client) => client.health().catch((error) => {
    if (error instanceof Refused && error.status === 503 && error.answer.status) return error.answer;
    throw error;
  }));
  const { status, database, redis, queue, deadLetters } = health;
  return { status, parts: { database, redis, queue }, deadLetters: deadLetters?.count };
}

/**
 * What is there; undefined where this engine has no such path.
 * @param {() => Promise<Wire>} work
 */
async function available(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** @param {Wire} found */
function panels(found) {
  const { parts, queue, recent, orders, deadLetters } = found;
  return [
    panel("Health", h("p", { class: `verdict ${found.status}` }, found.status === "ok" ? "All is well" : "Degraded"),
      facts(Object.entries(parts ?? {}).filter(([, each]) => each).map(([name, each]) => [name, state(each)]))),
    queue && panel("Queue", bigNumber(queue.waiting, "waiting"),
      facts([["In flight", count(queue.inFlight)], ["Delayed", queue.delayed === undefined ? undefined : count(queue.delayed)], ["Dead letters", deadLetters === undefined ? undefined : count(deadLetters)]])),
    !queue && deadLetters !== undefined && panel("Dead letters", bigNumber(deadLetters, "failed for good")),
    recent && panel(`Last ${duration(recent.seconds * 1000)}`, bigNumber(recent.perSecond, "orders a second"),
      facts(["submitted", "confirmed", "failed", "cancelled", "expired"].map((name) => [name, recent[name] === undefined ? undefined : count(recent[name])]))),
    recent?.confirmMs && panel("Submit to confirmed", bigNumber(optional(recent.confirmMs.p50), "half of them within"),
      facts([["90 % within", optional(recent.confirmMs.p90)], ["99 % within", optional(recent.confirmMs.p99)]])),
    orders && panel("Orders that have not ended", facts(Object.entries(orders).map(([status, each]) => [status, count(String(each))]))),
    recent?.stepMs && Object.keys(recent.stepMs).length > 0 && panel("Time in each step, half of them within", times(medians(recent.stepMs))),
  ];
}

/** @param {Record<string, any>} stepMs */
function medians(stepMs) {
  const found = Object.entries(stepMs).map(([status, each]) => [status, typeof each === "number" ? each : each?.p50]);
  return Object.fromEntries(found.filter(([, ms]) => typeof ms === "number"));
}

/** @param {number | null | undefined} ms */
function optional(ms) {
  return typeof ms === "number" ? duration(ms) : "–";
}

/**
 * @param {string} title
 * @param {...Child} children
 */
function panel(title, ...children) {
  return h("section", { class: "panel" }, h("h2", {}, title), ...children);
}

/**
 * @param {string | number} value
 * @param {string} label
 */
function bigNumber(value, label) {
  return h("p", { class: "big" }, h("strong", {}, typeof value === "number" ? count(value) : value), ` ${label}`);
}

/** @param {unknown} answer */
function state(answer) {
  return h("span", { class: answer === "ok" ? "well" : "ill" }, String(answer));
}

/**
 * @param {Wire} found
 * @param {(orderIds: string[]) => void} redrive
 */
function deadLetters(found, redrive) {
  const orderIds = found.deadLetters.filter((/** @type {Wire} */ each) => each.orderId && each.status === "failed")
    .map((/** @type {Wire} */ each) => each.orderId);
  const rows = found.deadLetters.map((/** @type {Wire} */ each) => ({
    cells: [
      each.orderId ? h("a", { href: `#/orders/${each.orderId}` }, short(each.orderId)) : h("code", {}, String(each.body).slice(0, 40)),
      each.status ? pill(each.status) : "no order",
      each.code ? h("span", { title: each.error }, each.code) : "–",
      each.sentAt ? dateAndTime(each.sentAt) : "–",
      each.orderId && h("button", { type: "button", class: "quiet", "data-key": each.orderId, "aria-label": `Redrive ${short(each.orderId)}`, onclick: () => redrive([each.orderId]) }, "Redrive"),
    ],
  }));
  return [
    h("div", { class: "top" }, h("h2", { id: "dead-title" }, `Dead letters: ${amount(String(found.total))}`),
      orderIds.length > 1 && h("button", { type: "button", "data-key": "all", onclick: () => redrive(orderIds) }, `Redrive these ${orderIds.length}`)),
    rows.length > 0 ? table("Dead letters", ["Order", "Status", "Why", "Sent", ""], rows, { class: "cards" })
      : h("p", { class: "muted" }, "There is none: every message was dealt with."),
  ];
}
