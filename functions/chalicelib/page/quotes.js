/** What a quote says: every venue's offer, the route that was chosen, and what the order would cost. */

import { facts, h, note, table } from "./dom.js";
import { amount, fromBase, percent, price, venue } from "./format.js";
import { findToken, symbol } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */

/**
 * Each venue's offer, or why it made none; the one that is chosen is marked.
 * @param {Record<string, Wire>} quotes by venue
 * @param {{ tokenIn: string, tokenOut: string, chosen: string, isSplit?: boolean }} of
 */
export function venueTable(quotes, { tokenIn, tokenOut, chosen, isSplit = false }) {
  const rows = Object.entries(quotes).map(([name, quote]) => {
    if (quote.error) return { cells: [venue(name), h("span", { class: "muted" }, quote.error)], class: "none" };
    const isChosen = name === chosen;
    const mark = isChosen && h("span", { class: "tag" }, isSplit ? "largest leg" : "chosen");
    return {
      class: isChosen ? "chosen" : "",
      cells: [
        [venue(name), " ", mark],
        `${amount(quote.amountOut)} ${symbol(tokenOut)}`,
        price(quote.price),
        `${amount(quote.fee)} ${symbol(tokenIn)}`,
        percent(quote.priceImpactBps),
      ],
    };
  });
  return table("What each venue offers", ["Venue", "You receive", "Price", "Fee", "Impact"], rows, { class: "cards" });
}

/**
 * The legs of a route, as bars as wide as their share.
 * @param {Wire[]} plan Jupiter's route plan
 */
export function routeLegs(plan) {
  const legs = plan.map(({ percent: share, bps, swapInfo: swap }) => {
    const bar = h("span", { class: "bar" });
    bar.style.width = `${(bps ?? share * 100) / 100}%`;
    const given = `${inTokens(swap.inAmount, swap.inputMint)} → ${inTokens(swap.outAmount, swap.outputMint)}`;
    const part = h("span", { class: "share" }, `${Math.round((bps ?? share * 100) / 100)} %`);
    return h("li", {}, h("span", { class: "leg" }, part, ` ${venue(swap.label)}`, h("span", { class: "muted" }, ` ${given}`)),
      h("span", { class: "track", "aria-hidden": "true" }, bar));
  });
  return h("ol", { class: "route", "aria-label": "Route" }, ...legs);
}

/**
 * What an order on these terms would give and cost.
 * @param {Wire} quote
 */
export function costs(quote) {
  const sold = symbol(quote.tokenIn);
  const bought = symbol(quote.tokenOut);
  const perToken = Number(quote.amountOut) / Number(quote.amount);
  return h("div", {},
    h("p", { class: "headline" }, h("span", { class: "muted" }, "You receive about"), " ",
      h("strong", {}, amount(quote.amountOut)), ` ${bought}`),
    facts([
      ["At least", `${amount(quote.minimumOut)} ${bought}`],
      ["Price", `${price(perToken)} ${bought} per ${sold}`],
      ["Slippage accepted", percent(Number(quote.slippageBps))],
      ["Price impact", percent(Number(quote.priceImpact) * 10_000)],
      ["Venue fees", feesOf(quote.routePlan)],
      ["Against the best venue alone", gain(quote)],
    ]),
    quote.refusal && note("warn", `It would fail now: ${quote.refusal.error}`));
}

/**
 * What the venues take, by token.
 * @param {Wire[]} plan
 */
export function feesOf(plan) {
  /** @type {Map<string, bigint>} */
  const sums = new Map();
  for (const { swapInfo: swap } of plan) {
    sums.set(swap.feeMint, (sums.get(swap.feeMint) ?? 0n) + BigInt(swap.feeAmount));
  }
  return [...sums].map(([mint, units]) => inTokens(units, mint)).join(" + ");
}

/**
 * What dividing the order brings over its best venue; nothing where it is not divided.
 * @param {Wire} quote
 */
function gain(quote) {
  if (quote.routePlan.length < 2 || !quote.bestSingle) return undefined;
  const single = Number(quote.bestSingle.amountOut);
  const more = ((Number(quote.amountOut) - single) / single) * 100;
  return `${more >= 0 ? "+" : ""}${more.toFixed(3)} % over ${venue(quote.bestSingle.dex)}`;
}

/**
 * @param {string | bigint} units
 * @param {string} mint
 */
function inTokens(units, mint) {
  const token = findToken(mint);
  return token ? `${amount(fromBase(units, token.decimals))} ${token.symbol}` : `${units} of ${mint.slice(0, 6)}…`;
}
