/** Elements: made from a tag, attributes and children, so that no text ever becomes markup. */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes */

/**
 * An element. An attribute `on…` is a listener; one that is false, null or undefined is left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  fill(element, ...children);
  return element;
}

/**
 * Replace what is in an element.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  const shown = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...shown.map((child) => (child instanceof Node ? child : String(child))));
}

/**
 * Say something to those who listen rather than look.
 * @param {string} text
 */
export function announce(text) {
  const live = document.getElementById("live");
  if (live && live.textContent !== text) live.textContent = text;
}

/**
 * A table that is a list of cards on a narrow screen: each cell knows its column's title. The roles are named
 * because a browser forgets those of a table that is laid out as something else.
 * @param {string} caption for those who listen
 * @param {string[]} titles
 * @param {Row[]} rows
 * @param {{ class?: string }} [options]
 * @typedef {{ cells: (Child | Child[])[], class?: string }} Row
 */
export function table(caption, titles, rows, options = {}) {
  const head = titles.map((title) => h("th", { scope: "col", role: "columnheader" },
    title || h("span", { class: "unseen" }, "Actions")));
  const body = rows.map(({ cells, class: name }) => {
    const shown = cells.map((cell, index) =>
      h("td", { role: "cell", "data-title": titles[index] || false }, ...[cell].flat()),
    );
    return h("tr", { role: "row", class: name }, ...shown);
  });
  return h(
    "table",
    { role: "table", class: options.class },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...head)),
    h("tbody", { role: "rowgroup" }, ...body),
  );
}

/**
 * Terms and their descriptions; those without one are left out.
 * @param {[string, Child | Child[]][]} pairs
 * @param {string} [name]
 */
export function facts(pairs, name = "facts") {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return h("dl", { class: name }, ...known.map(([term, value]) =>
    h("div", {}, h("dt", {}, term), h("dd", {}, ...[value].flat()))));
}

/**
 * Where an order is in its life, as a word in the colour of its kind.
 * @param {string} status
 */
export function pill(status) {
  return h("span", { class: `pill ${status}` }, status);
}

/**
 * A message that is to be seen.
 * @param {"bad" | "warn" | "info"} kind
 * @param {...Child} children
 */
export function note(kind, ...children) {
  return h("p", { class: `note ${kind}` }, ...children);
}
