// A clock that stands still until the test moves it.

/** @typedef {{ at: number, delay: number, repeated: boolean, run: () => void }} Timer */

/** Whether a timer is the client's: those of Node's own and of others are left alone. */
const ours = () => /\/openline\.js:/.test(new Error().stack ?? "");

/**
 * Takes the place of the client's timers, and of Date.now, until the end of the test.
 *
 * @param {import("node:test").TestContext} t
 * @returns {{ pass: (time: number) => void, armed: (delay: number) => Promise<void> }} pass lets milliseconds pass; armed waits until the client
 * has set a timer to so many
 */
export function clock(t) {
  let now = 1_800_000_000_000;
  /** @type {Set<Timer>} */
  const timers = new Set();
  /** @type {{ delay: number, resolve: () => void }[]} */
  let waiting = [];
  const real = { setTimeout, setInterval, clearTimeout, clearInterval };
  /** @param {boolean} repeated */
  const starter =
    (repeated) =>
    /** @param {() => void} run @param {number} delay @param {any[]} rest */
    (run, delay, ...rest) => {
      if (!ours()) return (repeated ? real.setInterval : real.setTimeout)(run, delay, ...rest);
      const timer = { at: now + delay, delay, repeated, run };
      timers.add(timer);
      for (const each of waiting) if (each.delay === delay) each.resolve();
      waiting = waiting.filter((each) => each.delay !== delay);
      return timer;
    };
  /** @param {any} timer of this clock or of another */
  const stop = (timer) => void (timers.delete(timer) || real.clearTimeout(timer));
  Object.assign(globalThis, { setTimeout: starter(false), setInterval: starter(true), clearTimeout: stop, clearInterval: stop });
  t.after(() => void Object.assign(globalThis, real));
  t.mock.method(Date, "now", () => now);
  /** @param {number} delay */
  const armed = (delay) =>
    new Promise((/** @type {(_: void) => void} */ resolve) => {
      if ([...timers].some((timer) => timer.delay === delay)) resolve();
      else waiting.push({ delay, resolve });
    });
  /** @param {number} time */
  const pass = (time) => {
    const end = now + time;
    for (;;) {
      const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      now = next.at;
      if (next.repeated) next.at += next.delay;
      else timers.delete(next);
      next.run();
    }
    now = end;
  };
  return { pass, armed };
}
