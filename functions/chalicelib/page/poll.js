/** Ask again and again while a view is shown: not while the tab is hidden, less often while the engine is away. */

import { EngineError } from "./client.js";
import { state } from "./session.js";

const LONGEST_MS = 8_000;

/**
 * Run `work` now and `everyMs` after it ended, until `signal` is aborted.
 * @param {() => Promise<void>} work
 * @param {number} everyMs
 * @param {AbortSignal} signal
 */
export async function poll(work, everyMs, signal) {
  let waitMs = everyMs;
  while (!signal.aborted) {
    try {
      await work();
      waitMs = everyMs;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      waitMs = Math.min(2 * waitMs, LONGEST_MS);
    }
    await pause(waitMs, signal);
    if (document.hidden) await once(document, "visibilitychange", signal);
  }
}

/**
 * Wait, unless someone wants to try now.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      state.removeEventListener("retry", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    state.addEventListener("retry", done);
    signal.addEventListener("abort", done);
  });
}

/**
 * @param {EventTarget} target
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function once(target, name, signal) {
  return new Promise((resolve) => {
    target.addEventListener(name, () => resolve(), { once: true, signal });
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
