/**
 * The one client of the page, with the key that it was given, and whether the engine answers.
 *
 * Every view asks through `ask`: it asks for a key where one is needed, and notices when the engine is away.
 */

import { EngineClient, OutcomeUnknown, Refused, Unreachable } from "./client.js";
import { h } from "./dom.js";

export const ENGINE_URL = new URL("..", import.meta.url).href; // this file is /page/session.js below it
const KEY = "engine-api-key";

/** Fires `change` when the engine goes away or comes back, and `retry` when someone asks to try at once. */
export const state = new EventTarget();

let isAway = false;
let client = makeClient();
/** @type {Promise<boolean> | undefined} */
let asking;

function makeClient() {
  return new EngineClient(ENGINE_URL, { apiKey: sessionStorage.getItem(KEY) ?? undefined });
}

export function engine() {
  return client;
}

export function engineIsAway() {
  return isAway;
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
  client = makeClient();
  state.dispatchEvent(new Event("change"));
}

/** Let whatever waits to try again do so now. */
export function retry() {
  state.dispatchEvent(new Event("retry"));
}

/**
 * What the engine answers to `work`; asked again with a key where it wants one.
 * @template T
 * @param {(client: EngineClient) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function ask(work) {
  for (;;) {
    try {
      const answer = await work(client);
      report(false);
      return answer;
    } catch (error) {
      report(error instanceof Unreachable || error instanceof OutcomeUnknown);
      if (!needsKey(error) || !(await askForKey())) throw error;
    }
  }
}

/** @param {boolean} away */
export function report(away) {
  if (away === isAway) return;
  isAway = away;
  state.dispatchEvent(new Event("change"));
}

/** @param {unknown} error */
function needsKey(error) {
  return error instanceof Refused && error.status === 401 && error.code === "UNAUTHENTICATED";
}

/** The headers of a request that the client does not make. */
export function keyHeaders() {
  const key = sessionStorage.getItem(KEY);
  /** @type {Record<string, string>} */
  const headers = key === null ? {} : { authorization: `Bearer ${key}` };
  return headers;
}

/** Ask for a key, once for all that need one; whether there is one now. */
export function askForKey() {
  asking ??= dialog().finally(() => { asking = undefined; });
  return asking;
}

/** @returns {Promise<boolean>} */
function dialog() {
  const error = h("p", { class: "error", id: "key-error", hidden: !hasKey() }, hasKey() && "The engine does not take that key.");
  const input = h("input", { id: "key", name: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const found = h("dialog", { id: "key-dialog", "aria-labelledby": "key-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "key-title" }, "This engine needs an API key"),
      h("p", { class: "hint" }, "It is kept in this tab until you close it, and sent to this engine alone."),
      h("div", { class: "field" }, h("label", { for: "key" }, "API key"), input, error),
      h("div", { class: "actions" },
        h("button", { value: "use", class: "primary" }, "Use this key"),
        h("button", { value: "cancel", formnovalidate: true }, "Not now"))));
  document.body.append(found);
  found.showModal();
  return new Promise((resolve) => {
    found.addEventListener("close", () => {
      const key = input.value.trim();
      found.remove();
      if (found.returnValue !== "use" || !key) return resolve(false);
      sessionStorage.setItem(KEY, key);
      client = makeClient();
      state.dispatchEvent(new Event("change"));
      resolve(true);
    });
  });
}
