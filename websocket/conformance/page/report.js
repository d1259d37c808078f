// The filter of a report. Without it the page shows everything.
(() => {
  "use strict";

  /**
   * @template {Element} T
   * @param {ParentNode} root
   * @param {string} selector
   * @param {{ new (): T }} type
   * @returns {T[]}
   */
  const all = (root, selector, type) =>
    [...root.querySelectorAll(selector)].filter((found) => found instanceof type).map((found) => /** @type {T} */ (found));

  const [form] = all(document, "#filter", HTMLFormElement);
  const [level] = all(form, "#level", HTMLSelectElement);
  const [words] = all(form, "#words", HTMLInputElement);
  const [shown] = all(form, "#shown", HTMLElement);
  const kinds = all(form, "[type=checkbox]", HTMLInputElement);

  // Groups, their items and the cases of these, as they stand in the page.
  const reports = all(document, ".report", HTMLElement);
  const groups = all(document, ".group", HTMLDetailsElement).map((group) => ({
    element: group,
    open: group.open,
    items: all(group, ".item", HTMLElement).map((item) => ({
      element: item,
      cases: all(item, ".case", HTMLDetailsElement).map((element) => ({ element, text: "" })),
    })),
  }));
  const total = document.querySelectorAll(".case").length;

  /** @param {Element | null} element */
  const textOf = (element) => element?.textContent ?? "";

  // What is searched: everything about a case but its lines and its exchange.
  const index = () => {
    for (const { element, items } of groups) {
      const group = textOf(element.querySelector("summary"));
      for (const item of items) {
        const rule = textOf(item.element.querySelector("h4")) + " " + textOf(item.element.querySelector(".rule"));
        for (const each of item.cases) {
          const own = [...each.element.querySelectorAll(":scope > summary, :scope > .reason, :scope > .remark")].map(textOf);
          each.text = [group, rule, ...own].join(" ").toLowerCase();
        }
      }
    }
  };
  let indexed = false;

  // So many cases are shown with their groups unfolded.
  const few = 300;

  const filter = () => {
    const wanted = new Set(kinds.filter((box) => box.checked).map((box) => box.value));
    const terms = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (terms.length > 0 && !indexed) {
      index();
      indexed = true;
    }
    const narrowed = terms.length > 0 || level.value !== "" || wanted.size < kinds.length;
    let left = 0;
    for (const group of groups) {
      let inGroup = 0;
      for (const item of group.items) {
        let inItem = 0;
        for (const { element, text } of item.cases) {
          const { kind = "", level: own = "" } = element.dataset;
          const match = wanted.has(kind) && (level.value === "" || own === level.value) && terms.every((term) => text.includes(term));
          element.hidden = !match;
          if (match) inItem++;
        }
        item.element.hidden = inItem === 0;
        inGroup += inItem;
      }
      group.element.hidden = inGroup === 0;
      left += inGroup;
    }
    for (const group of groups) group.element.open = group.open || (narrowed && left <= few && !group.element.hidden);
    for (const report of reports) report.classList.toggle("narrowed", narrowed);
    shown.textContent = narrowed ? `${left} of ${total} cases` : `${total} cases`;
  };

  // A link to a case shows it, filtered out or folded as it may be.
  const reveal = () => {
    let id = location.hash.slice(1);
    try {
      id = decodeURIComponent(id);
    } catch {
      // As it stands, then.
    }
    const target = document.getElementById(id);
    if (!target?.closest(".report")) return;
    if (target.hidden || target.closest("[hidden]")) {
      form.reset();
      filter();
    }
    for (let at = /** @type {Element | null} */ (target); at; at = at.parentElement) {
      if (at instanceof HTMLDetailsElement) at.open = true;
    }
    target.scrollIntoView();
  };

  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  form.reset(); // a browser may remember what was typed before it was reloaded
  filter();
  reveal();
})();
