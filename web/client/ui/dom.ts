/** Elements, made by hand: no templates and no inline styles, so that the strictest content policy holds. */

export type Child = Node | string | null | undefined | false;

/**
 * Attributes by name, listeners as `onclick: fn` and so on. `true` is an empty attribute; `false`, `null` and
 * `undefined` leave the attribute out. `muted`, `value`, `checked` and `srcObject` are set as properties, because
 * their attributes mean something else or do not exist.
 */
export type Props = {
  readonly [name: string]: string | number | boolean | null | undefined | MediaStream | ((event: never) => unknown);
};

const PROPERTIES = new Set(["muted", "value", "checked", "srcObject"]);

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props?: Props | null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") {
      element.addEventListener(name.replace(/^on/, ""), value as EventListener);
    } else if (PROPERTIES.has(name)) {
      Reflect.set(element, name, value);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  put(element, ...children);
  return element;
}

/** Appends what is there and skips what is not, so that `condition && node` reads well. */
export function put(parent: Node, ...children: Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      parent.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
    }
  }
}

/** Replaces everything inside `parent`. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  put(parent, ...children);
}

/** Sets text only when it differs: a live region that is rewritten with the same words is read out again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
