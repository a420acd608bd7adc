/** Place an order: the form, and beside it what every venue would give for it now. */

import { EngineError, OutcomeUnknown, newKey } from "./client.js";
import { announce, fill, h, note } from "./dom.js";
import { amount, isPositive, product } from "./format.js";
import { OrderForm, explain } from "./order-form.js";
import { pause, poll } from "./poll.js";
import { costs, routeLegs, venueTable } from "./quotes.js";
import { ask } from "./session.js";
import { findToken, loadTokens, symbol } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */

const REFRESH_MS = 1_500;
const TYPING_MS = 250; // a quote is asked for once this long has passed without a key

/**
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export async function place(root, signal) {
  fill(root, h("p", { class: "muted" }, "Loading the tokens …"));
  await untilThere(() => loadTokens({ fresh: true }), signal);
  if (signal.aborted) return;
  const panel = new QuotePanel();
  let key = newKey();
  let typing = new AbortController();
  const form = new OrderForm({
    onChange: () => {
      key = newKey(); // other terms are another order
      typing.abort();
      typing = new AbortController();
      const { signal: typed } = typing;
      pause(TYPING_MS, typed).then(() => { if (!typed.aborted) refresh().catch(() => {}); });
    },
    onSubmit: () => submit(),
  });
  let asked = 0;

  async function refresh() {
    const terms = form.readForQuote();
    const mine = ++asked;
    if (!terms) return panel.showNone(form);
    try {
      const quote = await ask((client) => client.quote(terms));
      if (mine !== asked || signal.aborted) return; // the terms have changed meanwhile
      form.addVenues(Object.keys(quote.quotes));
      panel.show(quote, form);
    } catch (error) {
      if (mine === asked && error instanceof EngineError) panel.showError(error);
      throw error;
    }
  }

  async function submit() {
    form.clearErrors();
    form.submit.disabled = true;
    const terms = form.read();
    if (form.type === "market" && form.holdsQuote.checked && panel.quoteId) terms.quoteId = panel.quoteId;
    try {
      const { orderId } = await ask((client) => client.submit(terms, { key }));
      announce("The order is placed.");
      if (!signal.aborted) location.hash = `#/orders/${orderId}`;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (error instanceof OutcomeUnknown) {
        const again = h("button", { type: "button", onclick: submit }, "Submit it again");
        fill(form.problem, note("warn", "No answer came, so the order may have been placed. Submitting again is safe: ",
          "it has a key, under which it is placed once at most. ", again));
      } else {
        form.showError(error);
        key = newKey();
      }
    } finally {
      form.submit.disabled = false;
    }
  }

  fill(root, form.element, panel.element);
  await poll(refresh, REFRESH_MS, signal);
}

/**
 * Try until it works: an engine that is away comes back.
 * @param {() => Promise<unknown>} work
 * @param {AbortSignal} signal
 */
async function untilThere(work, signal) {
  const done = new AbortController();
  signal.addEventListener("abort", () => done.abort());
  await poll(async () => { await work(); done.abort(); }, 1_000, done.signal);
}

/** The quotes beside the form. */
class QuotePanel {
  /** @type {string | undefined} */
  quoteId;
  #body = h("div", {});

  constructor() {
    this.element = h("section", { class: "panel quotes", "aria-labelledby": "quotes-title" },
      h("h2", { id: "quotes-title" }, "What it would give", h("span", { class: "beat", "aria-hidden": "true" })),
      this.#body);
  }

  /**
   * @param {Wire} quote
   * @param {OrderForm} form
   */
  show(quote, form) {
    this.quoteId = quote.quoteId;
    const isSplit = quote.routePlan.length > 1;
    fill(this.#body,
      atItsPrice(quote, form),
      costs(quote),
      h("h3", {}, isSplit ? "Route, divided" : "Route"), routeLegs(quote.routePlan),
      h("h3", {}, "Venues"), venueTable(quote.quotes, { ...tokensOf(quote), chosen: quote.chosen, isSplit }));
    this.element.classList.add("live");
  }

  /** @param {OrderForm} form */
  showNone(form) {
    this.quoteId = undefined;
    this.element.classList.remove("live");
    const { tokenIn, tokenOut } = form.read();
    const reason = form.type === "sniper" ? "A new token has no quotes before its pool opens. The order rests until then."
      : tokenIn === tokenOut ? "Choose two different tokens." : "Enter how much to sell, to see what every venue would give.";
    fill(this.#body, h("p", { class: "muted" }, reason));
  }

  /** @param {EngineError} error */
  showError(error) {
    this.quoteId = undefined;
    this.element.classList.remove("live");
    fill(this.#body, note("warn", explain(error)));
  }
}

/** @param {Wire} quote */
function tokensOf({ tokenIn, tokenOut }) {
  return { tokenIn: String(tokenIn), tokenOut: String(tokenOut) };
}

/**
 * How far a resting order's price is, and what it brings there.
 * @param {Wire} quote
 * @param {OrderForm} form
 */
function atItsPrice(quote, form) {
  const wanted = form.price.value.trim();
  if (form.type === "market" || !isPositive(wanted)) return undefined;
  const now = Number(quote.amountOut) / Number(quote.amount);
  const away = (Number(wanted) / now - 1) * 100;
  const decimals = findToken(quote.tokenOut)?.decimals ?? 9;
  const brings = `${amount(product(String(quote.amount), wanted, decimals))} ${symbol(quote.tokenOut)}`;
  const isThere = form.type === "limit" ? away <= 0 : away >= 0;
  const distance = `${away >= 0 ? "+" : ""}${away.toFixed(2)} %`;
  if (isThere) return note("info", "Its price is there already: it would be executed at once.");
  const text = form.type === "limit" ? `It rests until the price has risen that far (${distance}), and then brings ${brings} or more.`
    : `It rests until the price has fallen that far (${distance}).`;
  return note("info", text);
}
