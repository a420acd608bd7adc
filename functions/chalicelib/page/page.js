/** The page: which view is shown, by the address's hash, and what stands around it. */

import { announce, fill, h } from "./dom.js";
import { engine as engineView } from "./engine.js";
import { market } from "./market.js";
import { orders } from "./orders.js";
import { place } from "./place.js";
import { ENGINE_URL, engineIsAway, forgetKey, hasKey, retry, state } from "./session.js";
import { watch } from "./watch.js";

/**
 * A view draws itself into `root` and ends what it runs when `signal` is aborted.
 * @typedef {(root: HTMLElement, signal: AbortSignal, parameter: string) => Promise<void>} View
 *
 * @type {{ path: RegExp, tab: string, title: string, view: View }[]}
 */
const ROUTES = [
  { path: /^#\/place$/, tab: "#/place", title: "Place an order", view: place },
  { path: /^#\/orders\/([^/]+)$/, tab: "#/watch", title: "Watch an order", view: watch },
  { path: /^#\/watch()$/, tab: "#/watch", title: "Watch an order", view: watch },
  { path: /^#\/orders$/, tab: "#/orders", title: "Orders", view: orders },
  { path: /^#\/market$/, tab: "#/market", title: "Market", view: market },
  { path: /^#\/engine$/, tab: "#/engine", title: "Engine", view: engineView },
];
const HOME = "#/place";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
const forget = /** @type {HTMLButtonElement} */ (document.getElementById("forget-key"));
let shown = new AbortController();
let isFirst = true;

function show() {
  const hash = location.hash || HOME;
  const route = ROUTES.find(({ path }) => path.test(hash));
  if (!route) {
    if (hash !== "#main") location.replace(HOME); // which the skip link leads to
    return;
  }
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  document.title = `${route.title} · Order engine`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === route.tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = h("h1", { tabindex: -1 }, route.title);
  const root = h("div", { class: `view ${route.tab.slice(2)}` });
  fill(main, title, root);
  if (!isFirst) title.focus({ preventScroll: true });
  isFirst = false;
  scrollTo(0, 0);
  const parameter = decodeURIComponent(route.path.exec(hash)?.[1] ?? "");
  route.view(root, signal, parameter).catch((error) => {
    if (!signal.aborted) fill(root, h("p", { class: "note bad", role: "alert" }, error.message));
  });
}

function showState() {
  forget.hidden = !hasKey();
  const isAway = engineIsAway();
  if (isAway === !banner.hidden) return;
  banner.hidden = !isAway;
  if (isAway) {
    const text = `The engine is away: nothing answers at ${ENGINE_URL}. This page tries again by itself.`;
    fill(banner, h("span", {}, text), h("button", { type: "button", onclick: retry }, "Try now"));
  } else {
    fill(banner);
    announce("The engine is back.");
  }
}

addEventListener("hashchange", show);
addEventListener("online", retry);
state.addEventListener("change", showState);
forget.addEventListener("click", () => { forgetKey(); show(); });
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the view's
  main.focus();
});
showState();
show();
