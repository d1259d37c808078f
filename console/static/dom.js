// The little that the page needs from the DOM. Text is only ever set as text.

/**
 * The one element below root that matches, of the expected class.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new (...args: any[]) => T} kind
 * @returns {T}
 */
export function pick(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`console: no ${kind.name} at ${selector}`);
  }
  return found;
}

/**
 * A new element with a class and a text.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Grows a text area with its content, up to the height its style allows.
 *
 * @param {HTMLTextAreaElement} area
 */
export function autogrow(area) {
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
  };
  area.addEventListener("input", fit);
}

/**
 * Marks a field as wrong and says why below it, or clears both.
 *
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @param {HTMLElement} place where the sentence is shown
 * @param {string} sentence empty: the field is right
 */
export function complain(field, place, sentence) {
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  place.textContent = sentence;
  place.hidden = !sentence;
}
