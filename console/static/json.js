// JSON as text. Openline passes data on byte for byte, so the page shows and
// sends the text itself: parsing and printing it again would round long numbers.

/**
 * The end of the JSON value that begins at start. The text must be valid JSON.
 *
 * @param {string} text
 * @param {number} start
 * @returns {number}
 */
function valueEnd(text, start) {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      i = stringEnd(text, i) - 1;
    } else if (c === "{" || c === "[") {
      depth++;
    } else if (c === "}" || c === "]") {
      if (depth === 0) return i;
      depth--;
    } else if ((c === "," || c === ":") && depth === 0) {
      return i;
    }
  }
  return text.length;
}

/**
 * @param {string} text
 * @param {number} start where the opening quote is
 * @returns {number} the place behind the closing quote
 */
function stringEnd(text, start) {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}

/**
 * The members of a JSON object, each value as the text it was written as.
 * The text must be a valid JSON object.
 *
 * @param {string} text
 * @returns {Map<string, string>}
 */
export function members(text) {
  /** @type {Map<string, string>} */
  const found = new Map();
  let i = text.indexOf("{") + 1;
  for (;;) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return found;
    const nameEnd = stringEnd(text, quote);
    const name = JSON.parse(text.slice(quote, nameEnd));
    const start = text.indexOf(":", nameEnd) + 1;
    const end = valueEnd(text, start);
    found.set(name, text.slice(start, end).trim());
    if (text[end] !== ",") return found;
    i = end + 1;
  }
}

/** The longest object or array, in characters, that stays on one line. */
const oneLine = 48;

/**
 * A short object or array on one line.
 *
 * @param {string} text
 * @param {number} start where its bracket opens
 * @returns {{ line: string, end: number } | null} null: too long, or with another one inside
 */
function shortForm(text, start) {
  let line = /** @type {string} */ (text[start]);
  const pad = line === "{" ? " " : "";
  for (let i = start + 1; i < text.length && i - start < 4 * oneLine && line.length < oneLine; i++) {
    const c = /** @type {string} */ (text[i]);
    if (c === "{" || c === "[") return null;
    if (c === "}" || c === "]") return { line: line.length > 1 ? line + pad + c : line + c, end: i + 1 };
    if (c <= " ") continue;
    if (line.length === 1) line += pad;
    if (c === '"') {
      const end = stringEnd(text, i);
      line += text.slice(i, end);
      i = end - 1;
    } else {
      line += c === "," || c === ":" ? `${c} ` : c;
    }
  }
  return null;
}

/**
 * Valid JSON with line breaks and two spaces for each level; every string and
 * number stays as it was written.
 *
 * @param {string} text
 * @returns {string}
 */
export function indent(text) {
  /** @type {string[]} */
  const out = [];
  let depth = 0;
  const breakLine = () => out.push("\n", "  ".repeat(Math.min(depth, 40)));
  for (let i = 0; i < text.length; i++) {
    const c = /** @type {string} */ (text[i]);
    if (c === '"') {
      const end = stringEnd(text, i);
      out.push(text.slice(i, end));
      i = end - 1;
    } else if (c === "{" || c === "[") {
      const short = shortForm(text, i);
      if (short) {
        out.push(short.line);
        i = short.end - 1;
        continue;
      }
      depth++;
      out.push(c);
      breakLine();
    } else if (c === "}" || c === "]") {
      depth--;
      breakLine();
      out.push(c);
    } else if (c === ",") {
      out.push(c);
      breakLine();
    } else if (c === ":") {
      out.push(": ");
    } else if (c > " ") {
      out.push(c);
    }
  }
  return out.join("");
}

/**
 * What a person typed, as JSON: text that begins with { or [ is JSON already,
 * anything else becomes {"text": …}.
 *
 * @param {string} typed
 * @returns {string} valid JSON
 * @throws {Error} with a sentence for the person
 */
export function toData(typed) {
  const text = typed.trim();
  if (text === "") throw new Error("Write a message first.");
  if (!/^[{[]/.test(text)) return JSON.stringify({ text: typed });
  try {
    JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`This is not valid JSON: ${why}. Text that begins with { or [ is sent as JSON.`);
  }
  return text;
}

/** How many characters of one message are shown. */
const shown = 8192;

/**
 * JSON for people: indented unless it is too long to be read anyway.
 *
 * @param {string} text valid JSON
 * @returns {string}
 */
export function pretty(text) {
  return shorten(text.length <= shown ? indent(text) : text, 2 * shown);
}

/**
 * The first characters of a text, and a word about the rest.
 *
 * @param {string} text
 * @param {number} [limit] in UTF-16 units
 * @returns {string}
 */
export function shorten(text, limit = shown) {
  if (text.length <= limit) return text;
  const more = (text.length - limit).toLocaleString("en");
  return `${text.slice(0, limit)}\n… and ${more} more characters, not shown`;
}
