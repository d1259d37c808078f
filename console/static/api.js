// The backend's HTTP API, called from the page and written out for curl.

import { sentence } from "./refusal.js";

/** @typedef {"user" | "channel" | "all"} Target */

/**
 * @typedef {object} Call
 * @property {Target} target
 * @property {string} name   user or channel; nothing for all
 * @property {string} type   nothing: the server's default
 * @property {string} data   JSON
 */

/**
 * @typedef {object} Outcome
 * @property {boolean} ok
 * @property {number} status  0: no answer
 * @property {string} words   for the person
 */

/**
 * @param {Call} call
 * @param {string} base the page's address
 * @returns {URL}
 */
export function address({ target, name, type }, base) {
  const path =
    target === "all" ? "api/broadcast" : `api/${target}s/${encodeURIComponent(name)}/messages`;
  const url = new URL(path, base);
  if (type) url.searchParams.set("type", type);
  return url;
}

/**
 * @param {Call} call
 * @param {string} base
 * @param {string} key
 * @returns {Promise<Outcome>}
 */
export async function post(call, base, key) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address(call, base), {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: call.data,
      cache: "no-store",
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    return { ok: false, status: 0, words: "The server cannot be reached." };
  }
  if (!response.ok) {
    const detail = await sentence(response);
    const about = response.status === 401 ? "The server does not know this API key." : "The server refused this.";
    return { ok: false, status: response.status, words: `${response.status} · ${detail || about}` };
  }
  try {
    return { ok: true, status: response.status, words: receipt(await response.json(), call) };
  } catch {
    return { ok: false, status: response.status, words: "The server’s answer could not be read." };
  }
}

/**
 * What became of a message, as a sentence.
 *
 * @param {{ id?: unknown, delivered?: unknown }} data of a receipt
 * @param {{ target: Target, name: string }} call
 * @returns {string}
 */
export function receipt({ id, delivered }, { target, name }) {
  if (typeof delivered !== "number") return id ? `Accepted as ${id}` : "Accepted";
  if (delivered > 0) {
    return `Delivered to ${delivered.toLocaleString("en")} session${delivered === 1 ? "" : "s"}`;
  }
  switch (target) {
    case "user":
      return `Delivered to nobody: ${name} has no session open`;
    case "channel":
      return `Delivered to nobody: ${name} has no subscriber`;
    case "all":
      return "Delivered to nobody: no session is open";
  }
}

/**
 * A word for a POSIX shell, quoted only if it has to be.
 *
 * @param {string} word
 * @returns {string}
 */
function quote(word) {
  return /^[A-Za-z0-9_./:@%~+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The call as a line for a shell.
 *
 * @param {Call} call
 * @param {string} base
 * @param {string} key nothing: the line takes it from OPENLINE_API_KEY
 * @returns {string}
 */
export function curl(call, base, key) {
  const authorization = key ? quote(`Authorization: Bearer ${key}`) : '"Authorization: Bearer $OPENLINE_API_KEY"';
  return `curl -d ${quote(call.data)} -H ${authorization} ${quote(address(call, base).href)}`;
}
