/** @throws Error if page.html has no such element: both are of the same build. */
export function byId<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  return requireElement(document.getElementById(id), `#${id}`, kind);
}

/** The element of `root` that page.html marks with this data-part. */
export function part<T extends HTMLElement = HTMLElement>(root: ParentNode, name: string, kind?: new () => T): T {
  return requireElement(root.querySelector(`[data-part="${name}"]`), `part ${name}`, kind);
}

export function requireElement<T extends HTMLElement>(found: Element | null, what: string, kind?: new () => T): T {
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`page.html has no ${what}`);
  return found as T;
}

/** A copy of a template in page.html. */
export function cloneTemplate(templateId: string): HTMLElement {
  const first = byId(templateId, HTMLTemplateElement).content.firstElementChild;
  if (first === null) throw new Error(`#${templateId} is empty`);
  return first.cloneNode(true) as HTMLElement;
}

export function createElement(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Changes the text only if it differs, which keeps the user's selection and scroll position. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Updates the children of `parent` to match `items`. Keeps existing elements and their focus. */
export class KeyedList<T, Part extends { root: HTMLElement; show(item: T): void; remove?(): void }> {
  readonly #parent: HTMLElement;
  readonly #create: (item: T) => Part;
  readonly #leading: number;
  readonly #partsByKey = new Map<string, Part>();

  /** after: the number of leading children that do not belong to the list. */
  constructor(parent: HTMLElement, make: (item: T) => Part, after = 0) {
    this.#parent = parent;
    this.#create = make;
    this.#leading = after;
  }

  show(items: readonly (readonly [key: string, item: T])[]): void {
    const keys = new Set(items.map(([key]) => key));
    for (const [key, part] of this.#partsByKey) {
      if (keys.has(key)) continue;
      part.root.remove();
      part.remove?.();
      this.#partsByKey.delete(key);
    }
    items.forEach(([key, item], at) => {
      const part = this.#partsByKey.get(key) ?? this.#create(item);
      this.#partsByKey.set(key, part);
      part.show(item);
      const before = this.#parent.children[this.#leading + at] ?? null;
      if (before !== part.root) this.#parent.insertBefore(part.root, before);
    });
  }

  get parts(): Iterable<Part> {
    return this.#partsByKey.values();
  }
}
