/** Numbers, times and names as people read them. Amounts are decimal strings, and are never made floats. */

/** @typedef {import("./client.js").Wire} Wire */

/**
 * `132779.491923` as `132,779.491923`.
 * @param {string} text
 */
export function amount(text) {
  const [whole, fraction] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/**
 * Base units as tokens: `1500000000` of nine decimals as `1.5`.
 * @param {bigint | string} units
 * @param {number} decimals
 */
export function fromBase(units, decimals) {
  const digits = String(units).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return fraction ? `${whole}.${fraction}` : whole;
}

/**
 * The exact product of two decimal strings, with at most `decimals` places, rounded down.
 * @param {string} left
 * @param {string} right
 * @param {number} decimals
 */
export function product(left, right, decimals) {
  const places = (/** @type {string} */ text) => (text.split(".")[1] ?? "").length;
  const digits = (/** @type {string} */ text) => BigInt(text.replace(".", ""));
  const scale = places(left) + places(right);
  const exact = digits(left) * digits(right);
  const cut = scale > decimals ? exact / 10n ** BigInt(scale - decimals) : exact;
  return fromBase(cut, Math.min(scale, decimals));
}

/** @param {string} text */
export function isPositive(text) {
  return /^\d*\.?\d+$|^\d+\.$/.test(text) && /[1-9]/.test(text);
}

/**
 * A price with as many digits as one compares.
 * @param {string | number} value
 */
export function price(value) {
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  return number.toLocaleString("en", { minimumSignificantDigits: 6, maximumSignificantDigits: 6 });
}

/** @param {number} bps hundredths of a per cent */
export function percent(bps) {
  return `${(bps / 100).toFixed(2)} %`;
}

/** @param {string | number} value */
export function count(value) {
  return Number(value).toLocaleString("en", { maximumFractionDigits: 1 });
}

/** @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) {
    const [minutes, seconds] = [Math.floor(ms / 60_000), Math.floor((ms % 60_000) / 1000)];
    return seconds > 0 ? `${minutes} min ${seconds} s` : `${minutes} min`;
  }
  if (ms < 86_400_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${(ms / 86_400_000).toFixed(1)} days`;
}

/** @param {string | number} at */
export function clock(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

/** @param {string} at */
export function dateAndTime(at) {
  const moment = new Date(at);
  const isToday = moment.toDateString() === new Date().toDateString();
  const day = moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return isToday ? clock(at) : `${day}, ${clock(at)}`;
}

/** @param {string} name */
export function venue(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/**
 * The start of what is too long to read: an id, a mint, a transaction.
 * @param {string} text
 */
export function short(text) {
  return text.length > 14 ? `${text.slice(0, 8)}…` : text;
}

/**
 * What an order does, in a line: `1.5 SOL → USDC`.
 * @param {Wire} order
 */
export function summary(order) {
  return `${amount(String(order.amount))} ${short(order.tokenIn)} → ${short(order.tokenOut)}`;
}

/**
 * What a resting order waits for: `at 160 or more`.
 * @param {Wire} order
 */
export function condition(order) {
  if (order.limitPrice) return `at ${amount(order.limitPrice)} or more`;
  if (order.stopPrice) return `at ${amount(order.stopPrice)} or less`;
  if (order.maxPrice) return `at ${amount(order.maxPrice)} each or less`;
  return "now";
}
