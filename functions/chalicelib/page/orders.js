/** Orders: those that rest beside the present price, and all of them, filtered and page by page. */

import { EngineError } from "./client.js";
import { announce, fill, h, note, pill, table } from "./dom.js";
import { amount, condition, dateAndTime, price, short, summary, venue } from "./format.js";
import { poll } from "./poll.js";
import { ask } from "./session.js";
import { loadTokens, symbol, tokenOptions } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */

const PAGE = 25;
const RESTING = 20; // that are shown with their distance to the price
const REFRESH_MS = 3_000;
const STATUSES = [
  ["", "Any"],
  ["open", "Resting"],
  ["pending,routing,building,submitted", "Under way"],
  ["confirmed", "Confirmed"],
  ["failed", "Failed"],
  ["cancelled", "Cancelled"],
  ["expired", "Expired"],
];
const TYPES = [["", "Any"], ["market", "Market"], ["limit", "Limit"], ["stop", "Stop"], ["sniper", "Sniper"]];

/**
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export async function orders(root, signal) {
  const resting = h("section", { class: "panel", "aria-labelledby": "resting-title" });
  const list = h("div", {});
  const problem = h("div", { role: "alert" });
  /** @type {(string | undefined)[]} */
  let cursors = [undefined]; // of the pages up to the one that is shown
  /** @type {string | undefined} */
  let next;
  await loadTokens().catch(() => []);
  if (signal.aborted) return;
  const any = () => h("option", { value: "" }, "Any");
  const status = h("select", { id: "filter-status" }, ...options(STATUSES));
  const type = h("select", { id: "filter-type" }, ...options(TYPES));
  const sold = h("select", { id: "filter-in" }, any(), ...tokenOptions());
  const bought = h("select", { id: "filter-out" }, any(), ...tokenOptions());
  const older = h("button", { type: "button", onclick: () => turn(next) }, "Older");
  const newest = h("button", { type: "button", onclick: () => turn(undefined) }, "Newest");
  const filters = h("form", { class: "filters", "aria-label": "Filters" },
    labelled("Status", status), labelled("Type", type), labelled("Sold", sold), labelled("Bought", bought));
  filters.addEventListener("change", () => turn(undefined));
  filters.addEventListener("submit", (event) => event.preventDefault());

  /** @param {string | undefined} cursor */
  function turn(cursor) {
    cursors = cursor === undefined ? [undefined] : [...cursors, cursor];
    refresh().catch(() => {});
  }

  async function refresh() {
    const cursor = cursors[cursors.length - 1];
    const filter = { status: status.value, type: type.value, tokenIn: sold.value, tokenOut: bought.value };
    const page = await ask((client) => client.orders({ ...filter, cursor, limit: PAGE }));
    if (signal.aborted || cursor !== cursors[cursors.length - 1]) return;
    next = page.next ?? undefined;
    older.hidden = next === undefined;
    newest.hidden = cursor === undefined;
    replaceWithFocus(list, page.orders.length > 0 ? orderTable(page.orders, cancel) : h("p", { class: "muted" }, "There is no such order."));
  }

  async function refreshResting() {
    const page = await ask((client) => client.orders({ status: "open", limit: RESTING }));
    const now = await pricesNow(page.orders);
    if (signal.aborted) return;
    replaceWithFocus(resting, ...restingOrders(page, now, cancel, cancelAll));
    resting.hidden = page.orders.length === 0;
  }

  /** @param {string} orderId */
  async function cancel(orderId) {
    await act(async () => {
      await ask((client) => client.cancel(orderId));
      announce("The order is cancelled.");
    });
  }

  async function cancelAll() {
    await act(async () => {
      const cancelled = await ask((client) => client.cancelAll());
      announce(`${cancelled.length} orders are cancelled.`);
    });
  }

  /** @param {() => Promise<void>} work */
  async function act(work) {
    fill(problem);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      fill(problem, note("bad", error.message));
    }
    await Promise.allSettled([refresh(), refreshResting()]);
  }

  resting.hidden = true;
  fill(root, problem, resting,
    h("section", { class: "panel", "aria-labelledby": "all-title" }, h("h2", { id: "all-title" }, "All orders"),
      filters, list, h("div", { class: "actions" }, newest, older)));
  older.hidden = newest.hidden = true;
  await Promise.all([poll(refresh, REFRESH_MS, signal), poll(refreshResting, REFRESH_MS, signal)]);
}

/**
 * @param {Wire[]} found
 * @param {(orderId: string) => void} cancel
 */
function orderTable(found, cancel) {
  const rows = found.map((order) => ({
    cells: [
      h("a", { href: `#/orders/${order.orderId}` }, summary(order)),
      `${order.type ?? "market"}${order.type ? `, ${condition(order)}` : ""}`,
      pill(order.status),
      order.amountOut ? `${amount(order.amountOut)} ${short(symbol(order.tokenOut))}` : h("span", { class: "muted" }, order.code ?? "–"),
      order.dex ? venue(order.dex) : "–",
      h("time", { datetime: order.createdAt }, dateAndTime(order.createdAt)),
      ["open", "pending"].includes(order.status) && cancelButton(order, cancel),
    ],
  }));
  return table("Orders", ["Order", "Type", "Status", "Received", "Venue", "Placed", ""], rows, { class: "cards" });
}

/**
 * @param {Wire} page
 * @param {Map<string, number>} now
 * @param {(orderId: string) => void} cancel
 * @param {() => void} cancelAll
 */
function restingOrders(page, now, cancel, cancelAll) {
  const rows = page.orders.map((/** @type {Wire} */ order) => {
    const present = now.get(sizeOf(order));
    const wanted = Number(order.limitPrice ?? order.stopPrice);
    return {
      cells: [
        h("a", { href: `#/orders/${order.orderId}` }, summary(order)),
        `${order.type} ${condition(order)}`,
        present === undefined ? "–" : price(present),
        present === undefined || !wanted ? "–" : distance(present, wanted),
        order.expiresAt ? dateAndTime(order.expiresAt) : "never",
        cancelButton(order, cancel),
      ],
    };
  });
  return [
    h("div", { class: "top" }, h("h2", { id: "resting-title" }, page.next ? `Resting, the newest ${RESTING}` : "Resting"),
      h("button", { type: "button", "data-key": "all", onclick: cancelAll }, "Cancel all that rest")),
    table("Resting orders", ["Order", "Waits for", "Price now", "Distance", "Expires", ""], rows, { class: "cards" }),
  ];
}

/**
 * How far the present price is from the one that is wanted; the bar is full when it is there.
 * @param {number} present
 * @param {number} wanted
 */
function distance(present, wanted) {
  const away = wanted / present - 1;
  const bar = h("span", { class: "bar" });
  bar.style.width = `${Math.max(2, 100 * (1 - Math.min(1, Math.abs(away) * 5)))}%`; // empty from 20 % on
  return h("span", { class: "distance" }, `${away >= 0 ? "+" : ""}${(away * 100).toFixed(2)} %`,
    h("span", { class: "track", "aria-hidden": "true" }, bar));
}

/**
 * What each resting size would get for a token now, by size; one that has no quote is absent.
 * @param {Wire[]} resting
 * @returns {Promise<Map<string, number>>}
 */
async function pricesNow(resting) {
  const sizes = new Map(resting.filter(({ type }) => type !== "sniper").map((order) => [sizeOf(order), order]));
  const quoted = [...sizes].map(async ([size, { tokenIn, tokenOut, amount: sold, dexes }]) => {
    const quote = await ask((client) => client.quote({ tokenIn, tokenOut, amount: sold, dexes }));
    return /** @type {[string, number]} */ ([size, Number(quote.amountOut) / Number(sold)]);
  });
  const settled = await Promise.allSettled(quoted);
  return new Map(settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])));
}

/** @param {Wire} order */
function sizeOf(order) {
  return [order.tokenIn, order.tokenOut, order.amount, order.dexes].join(" ");
}

/**
 * @param {Wire} order
 * @param {(orderId: string) => void} cancel
 */
function cancelButton(order, cancel) {
  const label = `Cancel ${summary(order)}`;
  return h("button", { type: "button", class: "quiet", "data-key": order.orderId, "aria-label": label, onclick: () => cancel(order.orderId) }, "Cancel");
}

/**
 * Replace what is shown, and leave the focus where it was: who goes by keyboard must not be thrown out.
 * @param {Element} element
 * @param {...import("./dom.js").Child} children
 */
export function replaceWithFocus(element, ...children) {
  const focused = document.activeElement;
  const inside = focused instanceof HTMLElement && element.contains(focused);
  const selector = !inside ? undefined : focused.dataset.key ? `[data-key="${focused.dataset.key}"]`
    : focused instanceof HTMLAnchorElement ? `a[href="${focused.getAttribute("href")}"]` : undefined;
  fill(element, ...children);
  if (selector) /** @type {HTMLElement | null} */ (element.querySelector(selector))?.focus({ preventScroll: true });
}

/** @param {string[][]} choices */
function options(choices) {
  return choices.map(([value, title]) => h("option", { value }, title));
}

/**
 * @param {string} text
 * @param {HTMLSelectElement} control
 */
export function labelled(text, control) {
  return h("div", { class: "field" }, h("label", { for: control.id }, text), control);
}
