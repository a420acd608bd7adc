/** Schemas of the documents: what type a value has, the fields of an object, an example of it. */

import { h, table } from "./dom.js";

/** @typedef {Record<string, any>} Json */
/** @typedef {import("./dom.js").Child} Child */

/**
 * A text in which what stands between backticks is code.
 * @param {string} text
 * @returns {Child[]}
 */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}

/** @param {string} ref */
export function nameOf(ref) {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

/**
 * @param {Json} document
 * @param {Json} schema
 * @returns {Json}
 */
export function resolve(document, schema) {
  return schema.$ref ? document.components.schemas[nameOf(schema.$ref)] : schema;
}

/**
 * What a value is, in a few words; objects are links to their sections.
 * @param {Json} schema
 * @returns {Child[]}
 */
export function type(schema) {
  if (schema.$ref) return [h("a", { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  if (schema.const !== undefined) return [h("code", {}, JSON.stringify(schema.const))];
  if (schema.enum && schema.enum.length <= 9) return between(schema.enum.map((/** @type {unknown} */ each) => [h("code", {}, JSON.stringify(each))]), " or ");
  const choices = schema.oneOf ?? (schema.type === "string" ? undefined : schema.anyOf);
  if (choices) return between(choices.map(type), " or ");
  if (schema.type === "array") return ["list of ", ...type(schema.items ?? {})];
  if (schema.additionalProperties && typeof schema.additionalProperties === "object") return ["object of ", ...type(schema.additionalProperties)];
  return [limits(schema)];
}

/** @param {Json} schema */
function limits(schema) {
  const { type: kind = "any", format, minimum, maximum, maxLength } = schema;
  const range = minimum !== undefined && maximum !== undefined ? ` ${minimum}–${maximum}` : minimum !== undefined ? ` ≥ ${minimum}` : "";
  return `${format ?? kind}${range}${maxLength === undefined ? "" : `, at most ${maxLength} characters`}`;
}

/**
 * @param {Child[][]} parts
 * @param {string} separator
 */
function between(parts, separator) {
  return parts.flatMap((part, index) => (index ? [separator, ...part] : part));
}

/**
 * The fields of an object, or which objects it may be.
 * @param {Json} document
 * @param {Json} schema
 * @param {string} name
 */
export function fields(document, schema, name) {
  const found = resolve(document, schema);
  if (!found.properties) return h("p", {}, ...type(found));
  const required = new Set(found.required);
  const rows = Object.entries(/** @type {Record<string, Json>} */ (found.properties)).map(([key, value]) => ({
    cells: [
      [h("code", {}, key), required.has(key) && h("span", { class: "required" }, "required")],
      h("span", {}, ...type(value)),
      h("span", {}, ...prose(value.description ?? resolve(document, value).description ?? "")),
    ],
  }));
  return rows.length > 0 && table(`Fields of ${name}`, ["Field", "Type", "Meaning"], rows, { class: "cards" });
}

/**
 * An example of a schema that has one.
 * @param {Json} document
 * @param {Json} schema
 */
export function example(document, schema) {
  const found = resolve(document, schema);
  const given = found.example ?? found.examples?.[0];
  return given !== undefined && h("pre", { tabindex: 0 }, JSON.stringify(given, undefined, 2));
}
