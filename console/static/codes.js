// What each WebSocket close code means, and whether coming back makes sense.

/**
 * @typedef {object} Meaning
 * @property {string} words    what happened
 * @property {boolean} retry   whether to reconnect without being asked
 */

/** @type {Record<number, Meaning>} */
const meanings = {
  1000: { words: "closed normally", retry: false },
  1001: { words: "the server is going away", retry: true },
  1002: { words: "protocol error", retry: false },
  1003: { words: "this kind of data is not accepted", retry: false },
  1005: { words: "closed without a code", retry: true },
  1006: { words: "the connection was lost", retry: true },
  1007: { words: "the text was not valid UTF-8", retry: false },
  1008: { words: "against the server’s policy", retry: false },
  1009: { words: "the message was too big", retry: true },
  1010: { words: "an extension is missing", retry: false },
  1011: { words: "the server failed", retry: true },
  1012: { words: "the server restarts", retry: true },
  1013: { words: "the server is busy, try again later", retry: true },
  1014: { words: "a gateway failed", retry: true },
  4001: { words: "unauthorised: the token is missing, wrong or expired", retry: false },
  4003: { words: "forbidden", retry: false },
  4008: { words: "too slow: this page did not keep up with its messages", retry: true },
  4009: { words: "replaced by another session, or disconnected by the backend", retry: false },
  4029: { words: "too many messages: rate limit", retry: true },
};

/**
 * @param {number} code
 * @returns {Meaning}
 */
export function meaning(code) {
  return meanings[code] ?? { words: "a code of the application’s own", retry: false };
}
