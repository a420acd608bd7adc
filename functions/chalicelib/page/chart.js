/** A chart of lines over time, drawn by uPlot, which is loaded when the first one is shown. */

import { h } from "./dom.js";

/**
 * @typedef {{ name: string, color: string }} Line `color` names a variable of the style sheet
 * @typedef {(number | null)[]} Values
 */

const HEIGHT = 240;
const dark = matchMedia("(prefers-color-scheme: dark)");

export class Chart {
  /** @type {any} */
  #plot;
  /** @type {[Values, ...Values[]]} */
  #data = [[]];
  /** @type {Line[]} */
  #lines = [];
  #place = h("div", { class: "plot" });
  #format;
  /** @type {any} */
  #uPlot;

  /**
   * @param {string} label for those who do not see it
   * @param {AbortSignal} signal
   * @param {(value: number) => string} format
   */
  constructor(label, signal, format) {
    this.#format = format;
    this.element = h("div", { class: "chart", role: "img", "aria-label": label }, this.#place);
    const resized = new ResizeObserver(() => this.#resize());
    resized.observe(this.element);
    signal.addEventListener("abort", () => { resized.disconnect(); this.#plot?.destroy(); });
    dark.addEventListener("change", () => this.#build(), { signal });
  }

  /**
   * @param {Line[]} lines
   * @param {Values} times in seconds
   * @param {Values[]} values
   */
  async update(lines, times, values) {
    this.#uPlot ??= (await import("./vendor/uPlot.esm.js")).default;
    this.#data = [times, ...values];
    const isSame = this.#plot && lines.map(({ name }) => name).join() === this.#lines.map(({ name }) => name).join();
    this.#lines = lines;
    if (isSame) this.#plot.setData(this.#data);
    else this.#build();
  }

  #resize() {
    if (this.#plot && this.element.clientWidth > 0) this.#plot.setSize({ width: this.element.clientWidth, height: HEIGHT });
  }

  #build() {
    this.#plot?.destroy();
    if (!this.#uPlot || this.#lines.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: color("--muted"),
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
      font: `12px ${style.fontFamily}`,
    };
    const options = {
      width: this.element.clientWidth || 600,
      height: HEIGHT,
      padding: [8, 28, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      axes: [
        { ...axis, space: 80, size: 30, values: (/** @type {unknown} */ _, /** @type {number[]} */ at) => at.map((s) => new Date(s * 1000).toLocaleTimeString("en-GB")) },
        { ...axis, size: 72, values: (/** @type {unknown} */ _, /** @type {number[]} */ at) => at.map(this.#format) },
      ],
      series: [{}, ...this.#lines.map((line) => ({
        label: line.name, stroke: color(line.color), width: 2, points: { show: false }, spanGaps: false,
      }))],
    };
    this.#plot = new this.#uPlot(options, this.#data, this.#place);
  }
}
