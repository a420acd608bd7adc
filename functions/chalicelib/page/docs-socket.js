/** The WebSocket: its messages and close codes, and one to try. */

import { fill, h, note, table } from "./dom.js";
import { pretty } from "./docs-operation.js";
import { nameOf, prose, type } from "./docs-schema.js";
import { ask, ENGINE_URL, hasKey } from "./session.js";

/** @typedef {Record<string, any>} Json */
/** @typedef {import("./docs.js").Part} Part */

const EXAMPLES = {
  submit: { tokenIn: "SOL", tokenOut: "USDC", amount: "1.5" },
  subscribe: { action: "subscribe", orderId: "", after: 0 },
  cancel: { action: "cancel", orderId: "" },
  ping: { action: "ping" },
};

/**
 * @param {Json} http
 * @param {Json} document
 * @returns {Part[]}
 */
export function socket(http, document) {
  const channel = document.channels.orders;
  const parts = [
    { id: "messages", title: "Messages", body: messages(document, channel) },
    { id: "close-codes", title: "Close codes", body: closeCodes(channel) },
    { id: "try-socket", title: "Try it", body: tryIt(channel) },
  ];
  return parts.map(({ id, title, body }) => ({
    id: `socket-${id}`,
    title,
    element: h("section", { class: "panel", id: `socket-${id}`, "aria-labelledby": `socket-${id}-title` },
      h("h2", { id: `socket-${id}-title` }, `WebSocket: ${title.toLowerCase()}`), ...body),
  }));
}

/**
 * @param {Json} document
 * @param {Json} channel
 */
function messages(document, channel) {
  const directions = Object.values(document.operations).flatMap((/** @type {any} */ operation) =>
    operation.messages.map((/** @type {Json} */ each) => [nameOf(each.$ref), operation.action]));
  const actions = new Map(directions);
  const rows = Object.keys(channel.messages).map((name) => {
    const message = document.components.messages[name];
    return {
      cells: [h("code", {}, name), actions.get(name) === "receive" ? "by you" : "by the engine",
        h("span", {}, ...prose(message.summary ?? message.description ?? ""), " ", ...link(message.payload))],
    };
  });
  return [h("p", { class: "address" }, h("span", { class: "verb" }, "ws"), h("code", {}, channel.address)),
    h("p", { class: "muted" }, ...prose(channel.description)), table("Messages of the WebSocket", ["Message", "Sent", "What it is"], rows, { class: "cards" })];
}

/** @param {Json | undefined} payload */
function link(payload) {
  return payload?.$ref ? type(payload) : [];
}

/** @param {Json} channel */
function closeCodes(channel) {
  const rows = channel["x-close-codes"].map((/** @type {Json} */ each) => ({ cells: [each.codes.join(", "), h("span", {}, ...prose(each.reason)), h("span", {}, ...prose(each.connectAgain))] }));
  return [table("Close codes", ["Code", "Why", "Connect again"], rows, { class: "cards" })];
}

/** @param {Json} channel */
function tryIt(channel) {
  /** @type {WebSocket | undefined} */
  let open;
  const log = h("div", { class: "messages", role: "log", "aria-label": "Messages", tabindex: 0 });
  const text = h("textarea", { id: "socket-message", spellcheck: "false" }, JSON.stringify(EXAMPLES.submit, undefined, 2));
  const connect = h("button", { type: "button" }, "Connect");
  const send = h("button", { class: "primary", disabled: true }, "Send");
  const choices = Object.entries(EXAMPLES).map(([name, message]) =>
    h("button", { type: "button", class: "quiet", onclick: () => { text.value = JSON.stringify(message, undefined, 2); } }, name));

  /** @param {string} said @param {string} [kind] */
  function show(said, kind) {
    log.append(h("pre", { class: kind ?? false }, said));
    log.scrollTop = log.scrollHeight;
  }

  /** @param {boolean} isOpen */
  function showState(isOpen) {
    send.disabled = !isOpen;
    connect.textContent = isOpen ? "Disconnect" : "Connect";
  }

  connect.addEventListener("click", async () => {
    if (open) return open.close();
    try {
      const address = await addressOf(channel);
      const socket = new WebSocket(address);
      open = socket;
      socket.onopen = () => { show(`connected to ${new URL(address).host}`); showState(true); };
      socket.onmessage = ({ data }) => show(pretty(data));
      socket.onclose = ({ code, reason }) => { show(`closed: ${code} ${reason}`); showState(false); open = undefined; };
    } catch (error) {
      show(/** @type {Error} */ (error).message);
    }
  });
  const form = h("form", { class: "try", "aria-label": "Try the WebSocket" }, note("info", "What is sent is carried out by this engine."),
    h("div", { class: "actions" }, connect, ...choices),
    h("div", { class: "field" }, h("label", { for: text.id }, "Message"), text), h("div", { class: "actions" }, send), log);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(text.value, "sent");
    open?.send(text.value);
  });
  return [form];
}

/**
 * Where the WebSocket is; with a key an address with a ticket, since a browser's WebSocket sends no key.
 * @param {Json} channel
 */
async function addressOf(channel) {
  if (hasKey()) return String((await ask((client) => client.ticket())).websocket);
  const url = new URL(channel.address.slice(1), ENGINE_URL);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
