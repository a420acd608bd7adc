/** One operation of the HTTP API: what it takes and answers, and a form that tries it on this engine. */

import { announce, fill, h, note, table } from "./dom.js";
import { prose, type } from "./docs-schema.js";
import { askForKey, ENGINE_URL, keyHeaders } from "./session.js";

/** @typedef {Record<string, any>} Json */

const SHOWN_HEADERS = /^(x-amzn-requestid|retry-after|ratelimit-.*|content-type|allow|idempotent-replayed)$/;

/**
 * @param {string} path
 * @param {string} method
 * @param {Json} one
 */
export function operation(path, method, one) {
  const id = one.operationId;
  const body = one.requestBody?.content["application/json"];
  return h("section", { class: "panel", id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, one.summary),
    h("p", { class: "address" }, h("span", { class: `verb ${method}` }, method), h("code", {}, path)),
    one.description && h("p", { class: "muted" }, ...prose(one.description)),
    one.parameters && h("h3", {}, "Parameters"), one.parameters && parameters(one),
    body && h("h3", {}, "Body"), body && h("p", {}, "JSON: ", ...type(body.schema)),
    h("h3", {}, "Answers"), answers(one),
    h("details", {}, h("summary", {}, "Try it"), form(path, method, one)));
}

/** @param {Json} one */
function parameters(one) {
  const rows = one.parameters.map((/** @type {Json} */ each) => ({
    cells: [
      [h("code", {}, each.name), each.required && h("span", { class: "required" }, "required")],
      h("span", {}, each.in, ", ", ...type(each.schema)),
      h("span", {}, ...prose(each.description ?? "")),
    ],
  }));
  return table(`Parameters: ${one.summary}`, ["Name", "Where and what", "Meaning"], rows, { class: "cards" });
}

/** @param {Json} one */
function answers(one) {
  const rows = Object.entries(/** @type {Record<string, Json>} */ (one.responses)).map(([status, response]) => {
    const schema = Object.values(response.content ?? {})[0]?.schema;
    const codes = /** @type {string[]} */ (response["x-codes"] ?? []);
    return {
      cells: [
        status,
        [codes.length === 0 || schema.anyOf ? h("p", {}, ...prose(response.description), " ", ...(schema ? type(schema) : [])) : null,
          h("span", { class: "codes" }, ...codes.map((code) => h("a", { href: `#${code}` }, code)))],
      ],
    };
  });
  return table(`Answers: ${one.summary}`, ["Status", "What it says"], rows);
}

/**
 * @param {string} path
 * @param {string} method
 * @param {Json} one
 */
function form(path, method, one) {
  const id = one.operationId;
  const inputs = (one.parameters ?? []).map((/** @type {Json} */ each) => ({ each, input: h("input", { type: "text", id: `${id}-${each.name}`, autocomplete: "off", spellcheck: "false", required: each.required }) }));
  const content = one.requestBody?.content["application/json"];
  const body = content && h("textarea", { id: `${id}-body`, spellcheck: "false" }, JSON.stringify(content.example ?? {}, undefined, 2));
  const output = h("div", { class: "output" });
  const shown = h("form", { class: "try", "aria-label": `Try: ${one.summary}` },
    method !== "get" && note("info", "It is carried out by this engine."),
    inputs.length > 0 && h("div", { class: "fields" }, ...inputs.map((/** @type {Json} */ { each, input }) => h("div", { class: "field" }, h("label", { for: input.id }, each.name), input))),
    body && h("div", { class: "field" }, h("label", { for: body.id }, "Body"), body),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Send")), output);
  shown.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = inputs.map((/** @type {Json} */ { each, input }) => ({ name: each.name, where: each.in, value: input.value.trim() }));
    send(path, method, given, body?.value).then((found) => fill(output, ...found), (error) => fill(output, note("warn", `Nothing answers: ${error.message}`)));
  });
  return shown;
}

/**
 * @param {string} path
 * @param {string} method
 * @param {{ name: string, where: string, value: string }[]} given
 * @param {string | undefined} body
 */
async function send(path, method, given, body) {
  const inPath = (/** @type {string} */ name) => encodeURIComponent(given.find((each) => each.name === name)?.value || "-");
  const url = new URL(path.slice(1).replace(/\{(\w+)\}/g, (_, name) => inPath(name)), ENGINE_URL);
  /** @type {Record<string, string>} */
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  for (const { name, where, value } of given.filter(({ value }) => value !== "")) {
    if (where === "query") url.searchParams.set(name, value);
    if (where === "header") headers[name] = value;
  }
  const ask = () => fetch(url, { method: method.toUpperCase(), headers: { ...headers, ...keyHeaders(), accept: "application/json" }, body });
  const began = performance.now();
  let response = await ask();
  if (response.status === 401 && (await askForKey())) response = await ask();
  const tookMs = performance.now() - began;
  const text = await response.text();
  announce(`Answered ${response.status}.`);
  const said = [...response.headers].filter(([name]) => SHOWN_HEADERS.test(name)).map(([name, value]) => `${name}: ${value}`);
  return [
    h("p", {}, h("code", {}, `${method.toUpperCase()} ${url.pathname}${url.search}`)),
    h("p", { class: `status ${response.ok ? "good" : "bad"}` }, `${response.status} ${response.statusText}, ${Math.round(tookMs)} ms`),
    said.length > 0 && h("pre", { tabindex: 0, "aria-label": "Headers" }, said.join("\n")),
    h("pre", { tabindex: 0, "aria-label": "Body of the answer" }, pretty(text)),
  ];
}

/** @param {string} text */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text.slice(0, 20_000);
  }
}
