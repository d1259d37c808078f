// What a test leaves to be cleaned up.

/** @type {WeakMap<import("node:test").TestContext, (() => unknown)[]>} */
const left = new WeakMap();

/**
 * Runs a function when the test ends, before those that were given earlier:
 * node:test's own after would stop a server before the pages that use it.
 *
 * @param {import("node:test").TestContext} t
 * @param {() => unknown} run
 */
export function atEnd(t, run) {
  let list = left.get(t);
  if (!list) {
    /** @type {(() => unknown)[]} */
    const mine = [];
    list = mine;
    left.set(t, mine);
    t.after(async () => {
      /** @type {unknown[]} */
      const errors = [];
      for (const each of mine.reverse()) {
        try {
          await each();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    });
  }
  list.push(run);
}
