// A message list that never grows without bound, however fast messages come.

import { make } from "./dom.js";

/** How many messages a list shows. */
export const limit = 500;

export class Log {
  /** @type {(() => HTMLLIElement)[]} */
  #waiting = [];
  #scheduled = false;
  #left = 0;
  #following = true;
  #list;
  #box;
  #jump;
  #earlier = make("li", "earlier");

  /**
   * @param {HTMLOListElement} list
   * @param {HTMLElement} box        what scrolls
   * @param {HTMLButtonElement} jump shown while newer messages are out of sight
   */
  constructor(list, box, jump) {
    this.#list = list;
    this.#box = box;
    this.#jump = jump;
    jump.addEventListener("click", () => {
      this.#toEnd();
      box.focus({ preventScroll: true });
    });
    box.addEventListener("scroll", () => {
      this.#following = this.#atEnd();
      if (this.#following) jump.hidden = true;
    });
    // The other form of the messages, or another width, is another height.
    new ResizeObserver(() => {
      if (this.#following) this.#toEnd();
    }).observe(list);
    document.addEventListener("visibilitychange", () => this.#flush());
  }

  /**
   * Adds an entry. It is built when the browser is about to draw, and not at
   * all if so many follow that it would not be shown.
   *
   * @param {() => HTMLLIElement} build
   */
  add(build) {
    this.#waiting.push(build);
    if (this.#waiting.length > 2 * limit) {
      this.#left += this.#waiting.length - limit;
      this.#waiting = this.#waiting.slice(-limit);
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = () => this.#flush();
    if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  }

  clear() {
    this.#waiting = [];
    this.#left = 0;
    this.#list.replaceChildren();
    this.#jump.hidden = true;
  }

  #atEnd() {
    return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < 24;
  }

  #toEnd() {
    this.#following = true;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#jump.hidden = true;
  }

  #flush() {
    this.#scheduled = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const over = waiting.length - limit;
    if (over > 0) this.#left += over;
    this.#list.append(...waiting.slice(-limit).map((build) => build()));
    this.#earlier.remove();
    while (this.#list.childElementCount > limit) {
      this.#list.firstElementChild?.remove();
      this.#left++;
    }
    if (this.#left > 0) {
      this.#earlier.textContent = `${this.#left.toLocaleString("en")} earlier messages are no longer shown`;
      this.#list.prepend(this.#earlier);
    }
    if (this.#following) this.#toEnd();
    else this.#jump.hidden = false;
  }
}
