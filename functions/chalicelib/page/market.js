/** Market: what each venue gives for a token of a pair, and how far the venues are apart, over time. */

import { Chart } from "./chart.js";
import { EngineError, Refused } from "./client.js";
import { fill, h, note, table } from "./dom.js";
import { clock, percent, price, venue } from "./format.js";
import { labelled } from "./orders.js";
import { poll } from "./poll.js";
import { ask } from "./session.js";
import { loadTokens, tokenOptions } from "./tokens.js";

/** @typedef {import("./client.js").Wire} Wire */
/**
 * Prices over time: of each venue one for each time, null where it gave none.
 * @typedef {{ times: number[], venues: Map<string, (number | null)[]>, problems: Map<string, string> }} Series
 */

const EVERY_MS = 1_000;
const COUNT = 120;
const COLORS = ["--venue-1", "--venue-2", "--venue-3", "--venue-4"];

/**
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export async function market(root, signal) {
  await loadTokens().catch(() => []);
  if (signal.aborted) return;
  const sold = h("select", { id: "market-in" }, ...tokenOptions("SOL"));
  const bought = h("select", { id: "market-out" }, ...tokenOptions("USDC"));
  const prices = new Chart("Each venue's price over time; the table below has the latest", signal, price);
  const spread = new Chart("How far the venues are apart over time", signal, (bps) => percent(bps));
  const latest = h("div", {});
  const problem = h("div", {});
  let source = new Source(sold.value, bought.value);
  const pair = h("form", { class: "filters", "aria-label": "Pair" }, labelled("Token", sold), labelled("Priced in", bought));
  pair.addEventListener("change", () => {
    source = new Source(sold.value, bought.value);
    refresh().catch(() => {});
  });
  pair.addEventListener("submit", (event) => event.preventDefault());

  async function refresh() {
    const mine = source;
    if (sold.value === bought.value) return fill(problem, note("info", "Choose two different tokens."));
    try {
      const series = await mine.read();
      if (mine !== source || signal.aborted) return;
      fill(problem);
      await draw(series);
    } catch (error) {
      if (mine === source && error instanceof EngineError) fill(problem, note("warn", error.message));
      throw error;
    }
  }

  /** @param {Series} series */
  async function draw(series) {
    const lines = [...series.venues.keys()].map((name, index) => ({ name, color: COLORS[index % COLORS.length] }));
    await prices.update(lines, series.times, [...series.venues.values()]);
    await spread.update([{ name: "spread", color: "--accent" }], series.times, [spreads(series)]);
    fill(latest, latestTable(series, lines));
  }

  fill(root, h("section", { class: "panel", "aria-label": "Prices" }, pair, problem,
    h("h2", {}, "Price at each venue"), prices.element, latest),
    h("section", { class: "panel", "aria-labelledby": "spread-title" },
      h("h2", { id: "spread-title" }, "Between the best and the worst venue"), spread.element));
  await poll(refresh, EVERY_MS, signal);
}

/** Where the prices come from: the engine's memory of them, or quotes that are collected here. */
class Source {
  #tokens;
  #isKept = true; // until the engine says that it keeps none
  /** @type {Series} */
  #collected = { times: [], venues: new Map(), problems: new Map() };

  /**
   * @param {string} tokenIn
   * @param {string} tokenOut
   */
  constructor(tokenIn, tokenOut) {
    this.#tokens = { tokenIn, tokenOut };
  }

  /** @returns {Promise<Series>} */
  async read() {
    if (this.#isKept) {
      try {
        return keptPrices(await ask((client) => client.prices({ ...this.#tokens, everyMs: EVERY_MS, count: COUNT })));
      } catch (error) {
        if (!(error instanceof Refused) || error.code !== "NOT_FOUND") throw error;
        this.#isKept = false;
      }
    }
    return this.#collect(await ask((client) => client.quote({ ...this.#tokens, amount: "1" })));
  }

  /** @param {Wire} quote */
  #collect(quote) {
    const { times, venues, problems } = this.#collected;
    times.push(Date.now() / 1000);
    for (const [name, offer] of Object.entries(quote.quotes)) {
      const values = venues.get(name) ?? Array(times.length - 1).fill(null);
      venues.set(name, [...values, offer.price === undefined ? null : Number(offer.price)].slice(-COUNT));
      if (offer.error) problems.set(name, offer.error);
      else problems.delete(name);
    }
    times.splice(0, times.length - COUNT);
    return this.#collected;
  }
}

/**
 * @param {Wire} answer
 * @returns {Series}
 */
function keptPrices(answer) {
  /** @type {Series} */
  const series = { times: [], venues: new Map(), problems: new Map() };
  const found = /** @type {[string, Wire][]} */ (Object.entries(answer.venues));
  const count = Math.max(0, ...found.map(([, kept]) => kept.prices?.length ?? 0));
  const newest = new Date(answer.at).getTime() / 1000;
  series.times = Array.from({ length: count }, (_, index) => newest - ((count - 1 - index) * answer.everyMs) / 1000);
  for (const [name, kept] of found) {
    if (kept.error) series.problems.set(name, kept.error);
    const values = (kept.prices ?? []).map((/** @type {string | null} */ each) => (each === null ? null : Number(each)));
    series.venues.set(name, [...Array(count - values.length).fill(null), ...values]);
  }
  return series;
}

/**
 * In hundredths of a per cent of the worst price.
 * @param {Series} series
 */
function spreads({ times, venues }) {
  return times.map((_, index) => {
    const known = [...venues.values()].map((values) => values[index]).filter((each) => each !== null);
    if (known.length < 2) return null;
    const [worst, best] = [Math.min(...known), Math.max(...known)];
    return (best / worst - 1) * 10_000;
  });
}

/**
 * @param {Series} series
 * @param {import("./chart.js").Line[]} lines
 */
function latestTable(series, lines) {
  const last = (/** @type {string} */ name) => series.venues.get(name)?.[series.times.length - 1] ?? null;
  const best = Math.max(...lines.map(({ name }) => last(name) ?? 0));
  const rows = lines.map(({ name, color }) => {
    const value = last(name);
    const key = h("span", { class: "key", "aria-hidden": "true" });
    key.style.background = `var(${color})`;
    const label = h("span", { class: "keyed" }, key, venue(name));
    if (value === null) return { cells: [label, h("span", { class: "muted" }, series.problems.get(name) ?? "no price")] };
    const behind = (1 - value / best) * 10_000;
    return { cells: [label, price(value), behind < 0.005 ? "best" : `−${percent(behind)}`], class: behind < 0.005 ? "chosen" : "" };
  });
  const newest = series.times[series.times.length - 1];
  return h("div", {}, table("The latest price at each venue", ["Venue", "Price", "Behind the best"], rows),
    newest && h("p", { class: "muted small" }, `At ${clock(newest * 1000)}.`));
}
