/** The documentation of the API, made of its own documents: `openapi.json` and `asyncapi.json`. */

import { fill, h, note } from "./dom.js";
import { operation } from "./docs-operation.js";
import { example, fields, prose } from "./docs-schema.js";
import { socket } from "./docs-socket.js";
import { ENGINE_URL } from "./session.js";

/** @typedef {Record<string, any>} Json */
/** @typedef {{ id: string, title: string, element: HTMLElement }} Part */

const GROUPS = { orders: "Orders", market: "Market", engine: "Engine" };
const METHODS = ["post", "get", "delete"]; // in which order a group shows them
const SUMMARY = [
  ["Open engine", "needs no key: all who reach it may trade."],
  ["API keys", "go with each request as `Authorization: Bearer KEY`, or in `x-api-key`. This page asks for one where it is needed."],
  ["Money", "is a decimal string, never a float: `\"227.331\"`."],
  ["Errors", "are `{error, code, docs}`; the code does not change, and `docs` leads to it on this page."],
];

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const contents = /** @type {HTMLElement} */ (document.getElementById("contents"));

/** @param {string} name @returns {Promise<Json>} */
async function read(name) {
  const response = await fetch(new URL(name, ENGINE_URL));
  if (!response.ok) throw new Error(`${name} was answered ${response.status}.`);
  return response.json();
}

/** @param {Json} document @returns {Map<string, Part[]>} */
function operations(document) {
  /** @type {Map<string, Part[]>} */
  const groups = new Map(Object.values(GROUPS).map((title) => [title, []]));
  for (const method of METHODS) {
    for (const [path, methods] of Object.entries(document.paths)) {
      const one = methods[method];
      if (!one) continue;
      const group = GROUPS[/** @type {keyof typeof GROUPS} */ (one.tags[0])];
      groups.get(group)?.push({ id: one.operationId, title: one.summary, element: operation(path, method, one) });
    }
  }
  return groups;
}

/** @param {Json} document @returns {Part} */
function errors(document) {
  const codes = Object.entries(/** @type {Record<string, Json>} */ (document["x-codes"])).map(([code, { when, statuses, failure, again }]) =>
    h("div", { class: "code", id: code, tabindex: -1 }, h("h3", {}, code),
      h("p", {}, ...prose(`${when[0].toUpperCase()}${when.slice(1)}.`)),
      h("p", { class: "muted small" }, failure ? "Why an attempt failed, in events; with 409 of a quote." : `Status ${statuses.join(" or ")}.`,
        again && " The same request may succeed later: see Retry-After.")));
  const element = h("section", { class: "panel", id: "errors", "aria-labelledby": "errors-title" },
    h("h2", { id: "errors-title" }, "Error codes"), ...codes);
  return { id: "errors", title: "Error codes", element };
}

/** @param {Json} document @returns {Part[]} */
function objects(document) {
  return Object.entries(/** @type {Record<string, Json>} */ (document.components.schemas)).map(([name, schema]) => ({
    id: `schema-${name}`,
    title: name,
    element: h("section", { class: "panel", id: `schema-${name}`, "aria-labelledby": `title-${name}` },
      h("h2", { id: `title-${name}` }, name), h("p", { class: "muted" }, ...prose(schema.description ?? "")),
      fields(document, schema, name), example(document, schema)),
  }));
}

/** @param {Map<string, Part[]>} groups */
function show(groups) {
  const links = [...groups].flatMap(([title, parts]) => [
    h("h2", {}, title), ...parts.map((part) => h("a", { href: `#${part.id}` }, part.title)),
  ]);
  fill(contents, ...links);
  const about = h("section", { class: "panel", "aria-label": "About" },
    h("p", { class: "muted" }, "Each operation can be tried here, on this engine: what it does is done. The documents are ",
      h("a", { href: "openapi.json" }, "OpenAPI 3.1"), " and ", h("a", { href: "asyncapi.json" }, "AsyncAPI 3"), "."),
    ...SUMMARY.map(([term, text]) => h("p", {}, h("strong", {}, `${term} `), ...prose(text))));
  fill(main, h("h1", {}, "API"), about, ...[...groups.values()].flat().map(({ element }) => element));
}

function goToAnchor() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  target?.scrollIntoView();
  target?.focus({ preventScroll: true });
}

async function start() {
  try {
    const [http, sockets] = await Promise.all([read("openapi.json"), read("asyncapi.json")]);
    show(new Map([...operations(http), ["WebSocket", socket(http, sockets)], ["Errors", [errors(http)]], ["Objects", objects(http)]]));
    goToAnchor();
  } catch (error) {
    fill(main, h("h1", {}, "API"), note("warn", `The documents can't be read: ${/** @type {Error} */ (error).message}`));
  }
}

addEventListener("hashchange", goToAnchor);
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the hash is that of a section
  main.focus();
});
start();
