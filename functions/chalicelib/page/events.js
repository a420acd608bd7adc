/** An order's events in words: what each step means, and what it brought to light. */

import { facts, h, note } from "./dom.js";
import { amount, duration, percent, price, short, venue } from "./format.js";
import { routeLegs, venueTable } from "./quotes.js";
import { symbol } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */
/** @typedef {import("./dom.js").Child} Child */

/**
 * One event as an entry of the order's history.
 * @param {Wire} event
 * @param {{ order: Wire, first: Wire, before?: Wire }} of the order, its first event and the one before this
 */
export function entry(event, { order, first, before }) {
  const at = new Date(event.at).getTime();
  const since = at - new Date(first.at).getTime();
  const took = before ? `+${duration(Math.max(0, at - new Date(before.at).getTime()))}` : "";
  const kind = event.code ? "trouble" : event.status;
  return h("li", { class: `entry ${kind}` },
    h("div", { class: "when" },
      h("time", { datetime: event.at }, new Date(event.at).toLocaleTimeString("en-GB"), h("small", {}, `.${event.at.slice(20, 23)}`)),
      h("span", { class: "muted", title: `${duration(since)} after the first step` }, took)),
    h("div", { class: "what" },
      h("h3", {}, title(event, before), h("span", { class: "muted seq" }, ` #${event.seq}`)),
      ...details(event, order)));
}

/**
 * @param {Wire} event
 * @param {Wire} [before]
 */
function title(event, before) {
  switch (event.status) {
    case "open": return before ? "Rests again" : "Rests";
    case "pending":
      if (event.triggerPrice) return "Fired";
      if (event.redriven) return "Redriven";
      return event.code ? `Goes back for attempt ${event.attempt}` : "Accepted";
    case "routing": return event.attempt > 1 ? `Asks every venue, attempt ${event.attempt}` : "Asks every venue";
    case "building": return "Route chosen, transaction signed";
    case "submitted": return "Sent to the chain";
    case "confirmed": return "Landed";
    case "failed": return "Failed";
    case "cancelled": return "Cancelled";
    case "expired": return "Expired";
    default: return event.status;
  }
}

/**
 * @param {Wire} event
 * @param {Wire} order
 * @returns {Child[]}
 */
function details(event, order) {
  const bought = symbol(order.tokenOut);
  const sold = symbol(order.tokenIn);
  /** @type {Child[]} */
  const found = [];
  if (event.code) {
    const next = event.retryInMs === undefined ? "" : ` It is tried again in ${duration(event.retryInMs)}.`;
    const kind = event.status === "failed" ? "bad" : "warn";
    found.push(note(kind, `${event.error}${next} `, h("code", {}, event.code)));
  }
  if (event.status === "pending" && event.triggerPrice) {
    found.push(h("p", {}, `The price is there: ${price(event.triggerPrice)}.`));
  }
  if (event.status === "open" && !event.code) found.push(h("p", { class: "muted" }, "It waits until its price is there."));
  if (event.status === "building") {
    found.push(
      facts([
        ["Expected", `${amount(event.route.amountOut)} ${bought}`],
        ["At least", `${amount(event.route.minimumOut)} ${bought}`],
        ["Price impact", percent(event.route.priceImpactBps)],
        ["Slippage accepted", percent(event.slippageBps)],
      ]),
      routeLegs(event.routePlan),
      h("details", {}, h("summary", {}, "What every venue offered"),
        venueTable(event.quotes, {
          tokenIn: sold, tokenOut: bought, chosen: event.chosen, isSplit: event.routePlan.length > 1,
        })));
  }
  if (event.status === "submitted") found.push(transaction(event.txHash));
  if (event.status === "confirmed") {
    found.push(facts([
      ["Received", `${amount(event.amountOut)} ${bought}`],
      ["Price", `${price(event.executedPrice)} ${bought} per ${sold}`],
      ["Slot", amount(String(event.slot))],
    ]));
  }
  return found;
}

/** @param {string} signature */
function transaction(signature) {
  return h("p", { class: "muted" }, "Transaction ", h("code", { title: signature }, short(signature)));
}

/**
 * What came of it against what was quoted, what it cost, and where the time went.
 * @param {Wire} order
 */
export function fillOf(order) {
  const { fill } = order;
  if (!fill) return undefined;
  const bought = symbol(order.tokenOut);
  const used = fill.slippageUsedBps;
  const fees = [...(fill.fees?.venue ?? []), fill.fees?.network, fill.fees?.priority].filter(Boolean);
  return h("section", { class: "panel fill", "aria-labelledby": "fill-title" },
    h("h2", { id: "fill-title" }, "The fill"),
    h("p", { class: "headline" }, h("strong", {}, amount(fill.receivedOut)), ` ${bought}`),
    facts([
      ["Quoted", `${amount(fill.quotedOut)} ${bought}`],
      ["Against the quote", used === 0 ? "as quoted" : `${used > 0 ? "−" : "+"}${percent(Math.abs(used))}`],
      ["Price impact", fill.priceImpactBps === undefined ? undefined : percent(fill.priceImpactBps)],
      ["Best venue alone", fill.bestSingle && `${amount(fill.bestSingle.amountOut)} ${bought}, ${venue(fill.bestSingle.dex)}`],
      ["Venue fees", sum(fill.fees?.venue)],
      ["Network fee", fees.length > 0 && sum([fill.fees?.network])],
      ["Priority fee", fees.length > 0 && sum([fill.fees?.priority])],
      ["Compute units", fill.computeUnits?.toLocaleString("en-US")],
    ]),
    fill.stepMs && h("h3", {}, "Where the time went"),
    fill.stepMs && times(fill.stepMs));
}

/** @param {Wire[] | undefined} fees */
function sum(fees) {
  const known = (fees ?? []).filter(Boolean);
  return known.length > 0 ? known.map((fee) => `${amount(fee.amount)} ${fee.token}`).join(" + ") : undefined;
}

/**
 * The time spent in each status, as bars.
 * @param {Record<string, number>} stepMs
 */
export function times(stepMs) {
  const longest = Math.max(1, ...Object.values(stepMs));
  return h("ol", { class: "times" }, ...Object.entries(stepMs).map(([status, ms]) => {
    const bar = h("span", { class: "bar" });
    bar.style.width = `${(100 * ms) / longest}%`;
    return h("li", {}, h("span", {}, status), h("span", { class: "track", "aria-hidden": "true" }, bar), h("span", { class: "number" }, duration(ms)));
  }));
}
