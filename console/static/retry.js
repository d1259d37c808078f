// How long to wait before the next attempt.

/** Milliseconds: the first attempt's longest wait, and the longest of all. */
export const base = 500;
export const longest = 30_000;

/**
 * Full jitter: anything between nothing and twice the last attempt's longest
 * wait, so that many pages do not come back in the same instant.
 *
 * @param {number} attempt 0 for the first
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random) {
  return Math.round(random() * Math.min(longest, base * 2 ** Math.min(attempt, 16)));
}
