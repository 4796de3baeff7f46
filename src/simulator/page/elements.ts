/** @throws Error where page.html has no such element: it and this code are of one build. */
export function byId<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  return checked(document.getElementById(id), `#${id}`, kind);
}

/** The part of `root` that page.html marks so. */
export function part<T extends HTMLElement = HTMLElement>(root: ParentNode, name: string, kind?: new () => T): T {
  return checked(root.querySelector(`[data-part="${name}"]`), `part ${name}`, kind);
}

function checked<T extends HTMLElement>(found: Element | null, what: string, kind?: new () => T): T {
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`page.html has no ${what}`);
  return found as T;
}

/** A copy of what a template of page.html holds. */
export function copyOf(templateId: string): HTMLElement {
  const first = byId(templateId, HTMLTemplateElement).content.firstElementChild;
  if (first === null) throw new Error(`#${templateId} is empty`);
  return first.cloneNode(true) as HTMLElement;
}

export function element(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Leaves it alone where nothing changes, so that a selection of text and the place of a reader stay. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Brings the children of `parent` in line with `items` and keeps those that stay, with their focus. */
export class Keyed<T, Part extends { root: HTMLElement; show(item: T): void; leave?(): void }> {
  readonly #parent: HTMLElement;
  readonly #make: (item: T) => Part;
  readonly #after: number;
  readonly #parts = new Map<string, Part>();

  /** after: how many children of `parent` come first and are not ours. */
  constructor(parent: HTMLElement, make: (item: T) => Part, after = 0) {
    this.#parent = parent;
    this.#make = make;
    this.#after = after;
  }

  show(items: readonly (readonly [key: string, item: T])[]): void {
    const keys = new Set(items.map(([key]) => key));
    for (const [key, part] of this.#parts) {
      if (keys.has(key)) continue;
      part.root.remove();
      part.leave?.();
      this.#parts.delete(key);
    }
    items.forEach(([key, item], at) => {
      const one = this.#parts.get(key) ?? this.#make(item);
      this.#parts.set(key, one);
      one.show(item);
      const before = this.#parent.children[this.#after + at] ?? null;
      if (before !== one.root) this.#parent.insertBefore(one.root, before);
    });
  }

  get parts(): Iterable<Part> {
    return this.#parts.values();
  }
}
