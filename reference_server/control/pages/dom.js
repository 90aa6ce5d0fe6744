// Elements from texts. Whatever comes from clients gets onto the page here, and as text only.

export const page = (id) => document.getElementById(id);

/** An element with these properties and children, of which texts stay texts. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A button that does something. */
export function button(text, label, click) {
  const made = element("button", { type: "button", ariaLabel: label }, text);
  made.addEventListener("click", click);
  return made;
}

/** Put options into a select, and keep what is chosen where it is still there. */
export function choices(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options);
  if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
}

/** A group of options; each is a value, which is shown too. */
export function group(label, values) {
  return element("optgroup", { label }, ...values.map((value) => new Option(value)));
}

/**
 * Show rows in a list, by key. A row that says what it said before stays, so that the focus in it
 * stays too; where the focused one goes, the focus goes to the list.
 */
export function rows(list, items, key, row) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const focused = list.contains(document.activeElement);
  const after = items.map((item) => {
    const said = JSON.stringify(item);
    const known = before.get(key(item));
    if (known?.said === said) return known;
    const made = row(item);
    made.dataset.key = key(item);
    made.said = said;
    return made;
  });
  if (after.length === list.children.length && after.every((each, index) => each === list.children[index])) return;
  const { key: at } = focused ? (document.activeElement.closest("[data-key]")?.dataset ?? {}) : {};
  const label = focused ? document.activeElement.ariaLabel : null;
  list.replaceChildren(...after);
  if (focused && !list.contains(document.activeElement)) {
    const buttons = [...list.querySelectorAll("button, input")];
    const again = buttons.find((each) => each.closest("[data-key]").dataset.key === at && each.ariaLabel === label);
    if (again) again.focus();
    else {
      list.tabIndex = -1;
      list.focus();
    }
  }
}
