/** The tokens that are traded, asked for once and again when a view wants a token that is not among them. */

import { h } from "./dom.js";
import { ask } from "./session.js";

/** @typedef {import("./client.js").Wire} Wire */

/** @type {Wire[]} */
let known = [];

/** @param {{ fresh?: boolean }} [options] */
export async function loadTokens({ fresh = false } = {}) {
  if (fresh || known.length === 0) known = await ask((client) => client.tokens());
  return known;
}

/**
 * The token of a symbol or a mint, as far as it is known.
 * @param {string} name
 */
export function findToken(name) {
  return known.find((token) => token.mint === name || (token.symbol === name && !token.openedAt));
}

/**
 * A mint as its symbol.
 * @param {string} name
 */
export function symbol(name) {
  return findToken(name)?.symbol ?? name;
}

/**
 * The choices between the tokens. Launched ones go by their mint, as symbols are not unique.
 * @param {string} [chosen]
 */
export function tokenOptions(chosen) {
  return known.map((token) => {
    const value = token.openedAt ? token.mint : token.symbol;
    const label = token.openedAt ? `${token.symbol} (${token.mint.slice(0, 6)}…)` : token.symbol;
    return h("option", { value, selected: value === chosen }, label);
  });
}
