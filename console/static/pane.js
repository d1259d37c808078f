// One user: a name, a line, a list of messages, and what one can do with them.

import { receipt } from "./api.js";
import { autogrow, complain, make, pick } from "./dom.js";
import { hue, note, received, sent } from "./entry.js";
import { toData } from "./json.js";
import { Line } from "./line.js";
import { Log } from "./log.js";
import { checkChannel, checkUser } from "./names.js";

/** @typedef {import("./line.js").State} State */

/** @type {Record<State["name"], string>} */
const stateNames = {
  idle: "Not connected",
  connecting: "Connecting…",
  open: "Open",
  waiting: "Reconnecting",
  closed: "Closed",
};

/** @type {Record<State["name"], string>} */
const buttonNames = {
  idle: "Connect",
  connecting: "Cancel",
  open: "Disconnect",
  waiting: "Cancel",
  closed: "Connect",
};

export class Pane {
  /** Called whenever the user's name is edited. */
  onRename = () => {};
  #targets = { user: "", channel: "chat:lobby" };
  #peer = "";
  /** @type {"user" | "channel"} */
  #target = "user";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;
  /** @type {State["name"]} */
  #was = "idle";
  #root;
  #at;
  #log;
  #line;

  /**
   * @param {HTMLTemplateElement} template
   * @param {string} user
   */
  constructor(template, user) {
    const content = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    const root = pick(content, ".pane", HTMLElement);
    this.#root = root;
    this.#at = {
      who: pick(root, ".who", HTMLFormElement),
      badge: pick(root, ".badge", HTMLElement),
      user: pick(root, ".user", HTMLInputElement),
      userProblem: pick(root, ".user-problem", HTMLElement),
      connect: pick(root, ".connect", HTMLButtonElement),
      state: pick(root, ".state", HTMLElement),
      stateName: pick(root, ".state-name", HTMLElement),
      countdown: pick(root, ".countdown", HTMLElement),
      facts: pick(root, ".facts", HTMLElement),
      session: pick(root, ".session", HTMLElement),
      trip: pick(root, ".trip", HTMLElement),
      ping: pick(root, ".ping", HTMLButtonElement),
      again: pick(root, ".again", HTMLButtonElement),
      tokenBox: pick(root, ".token-box", HTMLDetailsElement),
      token: pick(root, ".token", HTMLInputElement),
      why: pick(root, ".why", HTMLElement),
      box: pick(root, ".log", HTMLElement),
      empty: pick(root, ".empty", HTMLElement),
      list: pick(root, ".log ol", HTMLOListElement),
      channels: pick(root, ".channels", HTMLFormElement),
      chips: pick(root, ".chips", HTMLElement),
      channelName: pick(root, ".channel-name", HTMLInputElement),
      composer: pick(root, ".composer", HTMLFormElement),
      toUser: pick(root, ".to-user", HTMLInputElement),
      toChannel: pick(root, ".to-channel", HTMLInputElement),
      target: pick(root, ".target", HTMLInputElement),
      targetLabel: pick(root, ".target-label", HTMLElement),
      event: pick(root, ".event", HTMLInputElement),
      message: pick(root, ".message", HTMLTextAreaElement),
      problem: pick(root, ".composer-problem", HTMLElement),
    };
    this.#log = new Log(this.#at.list, this.#at.box, pick(root, ".jump", HTMLButtonElement));
    this.#line = new Line({
      where: () => ({
        address: new URL(`ws/${encodeURIComponent(this.user)}`, document.baseURI).href.replace(/^http/, "ws"),
        token: this.#at.token.value.trim(),
      }),
      onState: (state) => this.#showState(state),
      onArrival: ({ text, envelope, quiet }) => {
        const now = new Date();
        if (!quiet) this.#log.add(() => received(text, envelope, now));
      },
    });
    this.#at.user.value = user;
    this.#wire();
    this.#named();
    this.#showState(this.#line.state);
  }

  get element() {
    return this.#root;
  }

  get user() {
    return this.#at.user.value.trim();
  }

  /**
   * The user that messages go to, until the person names another.
   *
   * @param {string} name
   */
  setPeer(name) {
    const { target } = this.#at;
    if (this.#targets.user === this.#peer) this.#targets.user = name;
    if (this.#target === "user" && target.value === this.#peer) target.value = name;
    this.#peer = name;
    this.#showEmpty();
  }

  #wire() {
    const at = this.#at;
    at.user.addEventListener("input", () => {
      complain(at.user, at.userProblem, "");
      this.#named();
      this.onRename();
    });
    at.who.addEventListener("submit", (event) => {
      event.preventDefault();
      const { name } = this.#line.state;
      if (name === "idle" || name === "closed") this.#connect();
      // Enter in the field, which cannot be edited now, does not end the line.
      else if (document.activeElement !== at.user) this.#line.disconnect();
    });
    pick(this.#root, ".token-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#connect();
    });
    at.again.addEventListener("click", () => {
      at.connect.focus();
      this.#line.connect();
    });
    at.ping.addEventListener("click", () => this.#ping());
    at.channels.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#subscription("subscribe", at.channelName.value.trim());
    });
    for (const radio of [at.toUser, at.toChannel]) {
      radio.name = `target-of-${at.user.value}`;
      radio.addEventListener("change", () => this.#aim(radio === at.toUser ? "user" : "channel"));
    }
    at.composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    at.composer.addEventListener("input", () => {
      for (const field of [at.message, at.target]) complain(field, at.problem, "");
    });
    at.message.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      at.composer.requestSubmit();
    });
    autogrow(at.message);
    addEventListener("online", () => {
      if (this.#line.state.name === "waiting") this.#line.connect();
    });
  }

  #named() {
    const { badge, box } = this.#at;
    const name = this.user;
    badge.textContent = (name[0] ?? "?").toUpperCase();
    badge.dataset.hue = hue(name);
    this.#root.setAttribute("aria-label", `User ${name}`);
    box.setAttribute("aria-label", `Messages of ${name}`);
    this.#showEmpty();
  }

  #connect() {
    const at = this.#at;
    const wrong = checkUser(this.user);
    complain(at.user, at.userProblem, wrong);
    if (wrong) at.user.focus();
    else this.#line.connect();
  }

  /** @param {State} state */
  #showState(state) {
    const at = this.#at;
    const { name } = state;
    clearInterval(this.#countdown);
    at.state.dataset.state = name;
    at.stateName.textContent = stateNames[name];
    at.countdown.textContent = "";
    at.connect.textContent = buttonNames[name];
    at.connect.classList.toggle("primary", name === "idle" || name === "closed");
    at.user.readOnly = name !== "idle" && name !== "closed";
    at.facts.hidden = name !== "open";
    at.ping.hidden = name !== "open";
    at.again.hidden = name !== "waiting";
    at.tokenBox.hidden = at.user.readOnly;
    if (name !== "open") at.trip.textContent = "";
    const words = state.name === "waiting" || state.name === "closed" ? state.words : "";
    // While it tries again, the reason of the last failure stays in sight.
    if (name !== "connecting" || state.attempt === 0) {
      at.why.textContent = words;
      at.why.hidden = words === "";
    }
    switch (state.name) {
      case "open":
        at.session.textContent = state.session;
        at.facts.title = state.ping ? `The server checks every ${state.ping} s that the line is alive` : "";
        break;
      case "waiting": {
        const tick = () => {
          const seconds = Math.max(0, Math.ceil((state.until - performance.now()) / 1000));
          at.countdown.textContent = ` in ${seconds} s`;
        };
        tick();
        this.#countdown = setInterval(tick, 250);
        break;
      }
      case "closed":
        if (state.token) at.tokenBox.open = true;
        break;
    }
    this.#showChips(state.name === "open" ? state.channels : []);
    this.#showEmpty();
    if (this.#was === "open" && (state.name === "waiting" || state.name === "closed")) {
      const { words: told } = state;
      const bad = state.name === "waiting" || state.code !== 1000;
      this.#log.add(() => note(`Closed: ${told}`, bad ? "error" : "note"));
    }
    this.#was = name;
  }

  #showEmpty() {
    const { empty } = this.#at;
    empty.textContent =
      this.#line?.state.name === "open"
        ? `Nothing yet. Write to ${this.#peer || "somebody"} below, or send from a program.`
        : `Connect, and what is sent to ${this.user || "this user"} appears here.`;
  }

  /** @param {string[]} channels */
  #showChips(channels) {
    const { chips, channelName } = this.#at;
    const shown = [...chips.children].map((chip) => /** @type {HTMLElement} */ (chip).dataset.channel);
    if (shown.length === channels.length && shown.every((name, i) => name === channels[i])) return;
    const hadFocus = chips.contains(document.activeElement);
    chips.replaceChildren(
      ...channels.map((channel) => {
        const chip = make("li", "chip", channel);
        chip.dataset.channel = channel;
        const leave = make("button", "leave", "×");
        leave.type = "button";
        leave.title = "Unsubscribe";
        leave.setAttribute("aria-label", `Unsubscribe from ${channel}`);
        leave.addEventListener("click", () => this.#subscription("unsubscribe", channel));
        chip.append(leave);
        return chip;
      }),
    );
    if (hadFocus) channelName.focus();
  }

  /** @param {"user" | "channel"} target */
  #aim(target) {
    const at = this.#at;
    this.#targets[this.#target] = at.target.value;
    this.#target = target;
    at.target.value = this.#targets[target];
    at.targetLabel.textContent = target === "user" ? "User to send to" : "Channel to publish to";
  }

  /**
   * @param {"subscribe" | "unsubscribe"} type
   * @param {string} channel
   */
  #subscription(type, channel) {
    const at = this.#at;
    const wrong = checkChannel(channel);
    complain(at.channelName, at.problem, wrong);
    if (!wrong) this.#ask(type, { channel }, channel, undefined, () => (type === "subscribe" ? "Subscribed" : "Unsubscribed"));
  }

  #ping() {
    const began = performance.now();
    this.#ask("ping", {}, "", undefined, () => {
      const trip = `${(performance.now() - began).toFixed(1)} ms`;
      this.#at.trip.textContent = trip;
      return `Answered in ${trip}`;
    });
  }

  #send() {
    const at = this.#at;
    const target = this.#target;
    const name = at.target.value.trim();
    const wrong = target === "user" ? checkUser(name) : checkChannel(name);
    if (wrong) {
      complain(at.target, at.problem, wrong);
      return at.target.focus();
    }
    let data;
    try {
      data = toData(at.message.value);
    } catch (error) {
      complain(at.message, at.problem, /** @type {Error} */ (error).message);
      return at.message.focus();
    }
    const event = at.event.value.trim();
    /** @type {Record<string, string>} */
    const fields = target === "user" ? { to: name } : { channel: name };
    if (event) fields.event = event;
    const type = target === "user" ? "send" : "publish";
    if (this.#ask(type, fields, name, data, (reply) => receipt(reply ?? {}, { target, name }), event || "message")) {
      at.message.value = "";
      at.message.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  /**
   * Sends a request, and shows it with its outcome.
   *
   * @param {string} type
   * @param {Record<string, string>} fields
   * @param {string} to
   * @param {string | undefined} data
   * @param {(data: any) => string} outcome of the reply's data
   * @param {string} [shownType]
   * @returns {boolean} whether it was sent
   */
  #ask(type, fields, to, data, outcome, shownType = type) {
    const { problem, message } = this.#at;
    let request;
    try {
      request = this.#line.request(type, fields, data);
    } catch (error) {
      complain(message, problem, /** @type {Error} */ (error).message);
      message.removeAttribute("aria-invalid");
      return false;
    }
    const shown = sent({ who: this.user, to, type: shownType, data, text: request.text });
    this.#log.add(() => shown.item);
    request.reply.then(
      (reply) => {
        if (reply.type === "sys:ok") shown.done(outcome(reply.data));
        else shown.failed(String(reply.data?.message ?? "The server refused this."));
      },
      (error) => shown.failed(error.message),
    );
    return true;
  }
}
