/** The form of an order: its fields, the terms that they make, and what is wrong beside the field it is about. */

import { Refused } from "./client.js";
import { fill, h } from "./dom.js";
import { isPositive, venue } from "./format.js";
import { findToken, tokenOptions } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */
/** @typedef {HTMLInputElement | HTMLSelectElement} Control */

export const TYPES = [
  { name: "market", title: "Market", hint: "Executed now, at the best route." },
  { name: "limit", title: "Limit", hint: "Rests until the price is there; never filled below it." },
  { name: "stop", title: "Stop", hint: "Rests until the price has fallen that far, then sells." },
  { name: "sniper", title: "Sniper", hint: "Rests until a pool of a new token opens." },
];
/** @type {Record<string, { field: string, label: string }>} */
const PRICES = {
  limit: { field: "limitPrice", label: "Limit price" },
  stop: { field: "stopPrice", label: "Stop price" },
  sniper: { field: "maxPrice", label: "Price at most" },
};
const LIFETIMES = [
  ["", "Never"],
  ["600000", "In 10 minutes"],
  ["3600000", "In an hour"],
  ["86400000", "In a day"],
  ["604800000", "In a week"],
];
/** The field that a refusal is about, where it names none itself. @type {Record<string, string>} */
const FIELD_OF = {
  AMOUNT_TOO_LARGE: "amount",
  AMOUNT_TOO_PRECISE: "amount",
  AMOUNT_TOO_SMALL: "amount",
  BELOW_MINIMUM_OUT: "minimumOut",
  EXPIRY_OUT_OF_RANGE: "expiresInMs",
  INSUFFICIENT_LIQUIDITY: "amount",
  INVALID_AMOUNT: "amount",
  INVALID_EXPIRY: "expiresInMs",
  INVALID_MINT: "tokenOut",
  INVALID_PRICE_IMPACT: "maxPriceImpactBps",
  INVALID_SLIPPAGE: "slippageBps",
  POOL_NOT_OPEN: "tokenOut",
  PRICE_IMPACT_TOO_HIGH: "maxPriceImpactBps",
  SAME_TOKEN: "tokenOut",
  TOKEN_LISTED: "tokenOut",
  UNKNOWN_DEX: "dexes",
};
/** What the engine says in hundredths of a per cent, in the form's per cent. @type {Record<string, string>} */
const IN_PERCENT = {
  INVALID_SLIPPAGE: "Slippage is from 0.01 % to 50 %, or left to the engine.",
  INVALID_PRICE_IMPACT: "Price impact is from 0.01 % to 100 %.",
};
/** Fields that lie in the part of the form that may be closed. */
const FURTHER = ["slippageBps", "minimumOut", "maxPriceImpactBps", "expiresInMs", "dexes", "minLiquidity"];

export class OrderForm {
  /** @type {Map<string, HTMLElement>} */
  #errors = new Map();
  /** @type {Set<string>} */
  #venues = new Set();
  #type = "market";

  /**
   * @param {{ onChange: () => void, onSubmit: () => void }} listeners
   */
  constructor({ onChange, onSubmit }) {
    this.amount = input({ inputmode: "decimal", placeholder: "0.0", value: "1.5" });
    this.tokenIn = h("select", {}, ...tokenOptions("SOL"));
    this.tokenOut = h("select", {}, ...tokenOptions("USDC"));
    this.mint = input({ placeholder: "Mint of the new token", spellcheck: "false" });
    this.price = input({ inputmode: "decimal", placeholder: "0.0" });
    this.slippage = input({ inputmode: "decimal", placeholder: "1.00" });
    this.isAuto = h("input", { type: "checkbox" });
    this.minimumOut = input({ inputmode: "decimal", placeholder: "None" });
    this.impact = input({ inputmode: "decimal", placeholder: "The engine's limit" });
    this.liquidity = input({ inputmode: "decimal", placeholder: "Any" });
    this.lifetime = h("select", {}, ...LIFETIMES.map(([value, title]) => h("option", { value }, title)));
    this.holdsQuote = h("input", { type: "checkbox" });
    this.venues = h("div", { class: "choices" });
    this.submit = h("button", { class: "primary wide" }, "Place order");
    this.problem = h("div", { role: "alert" });
    this.hint = h("p", { class: "hint" });
    this.priceLabel = h("span", {});
    this.unit = h("span", { class: "unit" });
    this.element = this.#build();
    this.element.addEventListener("submit", (event) => { event.preventDefault(); onSubmit(); });
    this.element.addEventListener("input", () => { this.clearErrors(); this.#adapt(); onChange(); });
    this.#adapt();
  }

  get type() {
    return this.#type;
  }

  /** What the order would be, as the body of a submit; and whether that is enough for a quote. */
  read() {
    const isSniper = this.#type === "sniper";
    /** @type {Record<string, unknown>} */
    const terms = {
      tokenIn: this.tokenIn.value,
      tokenOut: isSniper ? this.mint.value.trim() : this.tokenOut.value,
      amount: this.amount.value.trim(),
    };
    if (this.isAuto.checked) terms.slippageBps = "auto";
    else if (this.slippage.value.trim()) terms.slippageBps = toBps(this.slippage.value);
    if (this.impact.value.trim()) terms.maxPriceImpactBps = toBps(this.impact.value);
    if (this.minimumOut.value.trim() && !isSniper) terms.minimumOut = this.minimumOut.value.trim();
    const boxes = [...this.venues.querySelectorAll("input")];
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    if (chosen.length < boxes.length) terms.dexes = chosen;
    const price = PRICES[this.#type];
    if (price) Object.assign(terms, { type: this.#type, [price.field]: this.price.value.trim() });
    if (isSniper && this.liquidity.value.trim()) terms.minLiquidity = this.liquidity.value.trim();
    if (this.lifetime.value) terms.expiresInMs = Number(this.lifetime.value);
    return terms;
  }

  /** The part of the terms that a quote takes; undefined where there can be none. */
  readForQuote() {
    const { tokenIn, tokenOut, amount, slippageBps, maxPriceImpactBps, minimumOut, dexes } = this.read();
    const isValid = isPositive(String(amount)) && tokenIn !== tokenOut && this.#type !== "sniper";
    if (!isValid || (Array.isArray(dexes) && dexes.length === 0)) return undefined;
    return { tokenIn, tokenOut, amount, slippageBps, maxPriceImpactBps, minimumOut, dexes };
  }

  /**
   * Offer these venues, beside those that were there.
   * @param {string[]} names
   */
  addVenues(names) {
    for (const name of names.filter((one) => !this.#venues.has(one))) {
      this.#venues.add(name);
      const box = h("input", { type: "checkbox", value: name, checked: true });
      this.venues.append(h("label", { class: "choice" }, box, venue(name)));
    }
  }

  /**
   * Say why the order was refused, beside the field that it is about.
   * @param {Error} error
   */
  showError(error) {
    const answer = error instanceof Refused ? error.answer : {};
    const named = typeof answer.field === "string" ? answer.field : FIELD_OF[String(answer.code)];
    const field = Object.values(PRICES).some((price) => price.field === named) ? "price" : named;
    const beside = this.#errors.get(field);
    if (!beside) return fill(this.problem, h("p", { class: "note bad" }, error.message));
    beside.textContent = explain(error);
    beside.hidden = false;
    if (FURTHER.includes(field)) this.further?.toggleAttribute("open", true);
    const control = /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-field=${field}]`));
    control?.setAttribute("aria-invalid", "true");
    control?.focus();
  }

  clearErrors() {
    fill(this.problem);
    for (const beside of this.#errors.values()) beside.hidden = true;
    for (const control of this.element.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  }

  #build() {
    const types = TYPES.map(({ name, title }) => h("label", {},
      h("input", { type: "radio", name: "type", value: name, checked: name === this.#type }), h("span", {}, title)));
    this.further = h("details", {}, h("summary", {}, "Limits, venues and expiry"),
      h("div", { class: "fields" },
        this.#field("slippageBps", "Slippage, %", this.slippage,
          h("label", { class: "choice" }, this.isAuto, "Let the engine choose")),
        this.#field("maxPriceImpactBps", "Price impact at most, %", this.impact),
        this.minimumField = this.#field("minimumOut", "Receive at least", this.minimumOut),
        this.liquidityField = this.#field("minLiquidity", "Pool holds at least", this.liquidity),
        this.#field("expiresInMs", "Expires", this.lifetime)),
      h("fieldset", { class: "venues" }, h("legend", {}, "Venues"), this.venues, this.#error("dexes")));
    return h("form", { class: "panel order-form", novalidate: true, autocomplete: "off", "aria-label": "Order" },
      h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, "Type"), ...types),
      this.hint,
      h("div", { class: "pair" },
        this.#field("amount", "Sell", this.amount),
        this.#field("tokenIn", "Token sold", this.tokenIn)),
      h("div", { class: "turn" }, h("button", { type: "button", class: "quiet", onclick: () => this.#turn() },
        h("span", { "aria-hidden": "true" }, "⇅ "), "Swap the tokens")),
      this.boughtField = this.#field("tokenOut", "Buy", this.tokenOut),
      this.mintField = this.#field("tokenOut", "Buy", this.mint),
      this.priceField = this.#field("price", this.priceLabel, this.price, this.unit),
      this.further,
      this.holdField = h("label", { class: "choice" }, this.holdsQuote, "Not less than the quote beside promises"),
      this.problem,
      this.submit);
  }

  /**
   * A control with its label, what stands beside it, and room for an error.
   * @param {string} name as the engine calls it
   * @param {string | HTMLElement} label
   * @param {Control} control
   * @param {...HTMLElement} beside
   */
  #field(name, label, control, ...beside) {
    const id = `field-${name}${control === this.mint ? "-mint" : ""}`;
    control.id = id;
    control.dataset.field = name;
    control.setAttribute("aria-describedby", `error-${name}`);
    const error = this.#errors.get(name) ?? this.#error(name);
    return h("div", { class: "field" }, h("label", { for: id }, label), control, ...beside, error);
  }

  /** @param {string} name */
  #error(name) {
    const error = h("p", { class: "error", id: `error-${name}`, hidden: true });
    this.#errors.set(name, error);
    return error;
  }

  #turn() {
    [this.tokenIn.value, this.tokenOut.value] = [this.tokenOut.value, this.tokenIn.value];
    this.element.dispatchEvent(new Event("input"));
  }

  /** Show the fields of the chosen type, in the units of the chosen tokens. */
  #adapt() {
    const chosen = /** @type {HTMLInputElement | null} */ (this.element.querySelector("[name=type]:checked"));
    this.#type = chosen?.value ?? this.#type;
    const [isSniper, price] = [this.#type === "sniper", PRICES[this.#type]];
    const [sold, bought] = [this.tokenIn.value, isSniper ? "token" : nameOf(this.tokenOut.value)];
    this.hint.textContent = TYPES.find(({ name }) => name === this.#type)?.hint ?? "";
    this.boughtField?.toggleAttribute("hidden", isSniper);
    this.mintField?.toggleAttribute("hidden", !isSniper);
    this.liquidityField?.toggleAttribute("hidden", !isSniper);
    this.minimumField?.toggleAttribute("hidden", isSniper);
    this.priceField?.toggleAttribute("hidden", !price);
    this.holdField?.toggleAttribute("hidden", this.#type !== "market");
    const error = this.#errors.get("tokenOut");
    if (error) (isSniper ? this.mintField : this.boughtField)?.append(error);
    if (price) this.priceLabel.textContent = price.label;
    this.unit.textContent = isSniper ? `${nameOf(sold)} for each token` : `${bought} for each ${nameOf(sold)}`;
    this.slippage.disabled = this.isAuto.checked;
    const title = TYPES.find(({ name }) => name === this.#type)?.title.toLowerCase();
    this.submit.textContent = `Place ${title} order`;
  }
}

/**
 * Why something was refused, in the units of the form.
 * @param {Error} error
 */
export function explain(error) {
  return (error instanceof Refused && IN_PERCENT[error.code]) || error.message;
}

/** @param {import("./dom.js").Attributes} attributes */
function input(attributes) {
  return h("input", { type: "text", ...attributes });
}

/** @param {string} value */
function nameOf(value) {
  return findToken(value)?.symbol ?? value;
}

/**
 * Per cent as hundredths of it; what is no number stays as it is, and the engine says what is wrong with it.
 * @param {string} percent
 */
function toBps(percent) {
  const bps = Number(percent.replace("%", "").trim()) * 100;
  return Number.isFinite(bps) ? Math.round(bps) : percent;
}
