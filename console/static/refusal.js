// Why a handshake failed. A browser hides the answer to a failed WebSocket
// handshake from the page, so the same address is asked again by plain GET: the
// checks that come before the upgrade answer as they did before.

/**
 * @typedef {object} Refusal
 * @property {string} words       a sentence for the person
 * @property {boolean} retry      whether another attempt may succeed by itself
 * @property {boolean} [token]    whether a token, or another one, would help
 * @property {number} [after]     milliseconds that the server asks to wait
 */

/**
 * @param {string} address http(s) address of the handshake
 * @param {string} token   empty: none
 * @param {AbortSignal} signal
 * @returns {Promise<Refusal>}
 */
export async function explain(address, token, signal) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address, {
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
    });
  } catch {
    return { words: "The server cannot be reached.", retry: true };
  }
  const detail = await sentence(response);
  const seconds = Number(response.headers.get("Retry-After"));
  const after = seconds > 0 ? Math.min(seconds, 600) * 1000 : undefined;
  switch (response.status) {
    case 401:
      return {
        words: token
          ? `The server refused this token. ${detail}`
          : `The server asks for a token: put one into the Token field. ${detail}`,
        retry: false,
        token: true,
      };
    case 403:
      return { words: `The server does not allow this. ${detail}`, retry: false, token: token !== "" };
    case 400:
      return { words: `The server did not take the request. ${detail}`, retry: false };
    case 404:
      return { words: "There is no Openline at this address.", retry: false };
    case 429:
      return { words: `Too many attempts. ${detail}`, retry: true, after };
  }
  if (response.status >= 500) {
    return { words: `The server cannot take the connection now. ${detail}`, retry: true, after };
  }
  // 426: all the checks passed and only the upgrade was missing.
  return { words: "The connection could not be opened.", retry: true };
}

/**
 * The sentence of a problem document (RFC 9457), or of a plain text.
 *
 * @param {Response} response
 * @returns {Promise<string>}
 */
export async function sentence(response) {
  try {
    const text = (await response.text()).trim();
    const type = response.headers.get("Content-Type") ?? "";
    if (/[/+]json\b/.test(type)) {
      const problem = JSON.parse(text);
      return String(problem.detail ?? problem.title ?? "").slice(0, 1000);
    }
    return type.startsWith("text/plain") ? text.slice(0, 1000) : "";
  } catch {
    return "";
  }
}
