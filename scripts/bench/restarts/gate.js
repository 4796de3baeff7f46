// Lets only a few in at a time; the others wait in the order in which they came.

export class Gate {
  #places;
  #waiting = [];

  constructor(places) {
    this.#places = places;
  }

  /** Resolves, when there is a place, with the function that gives it back. */
  async enter() {
    if (this.#places > 0) this.#places -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
    return () => this.#leave();
  }

  #leave() {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#places += 1;
  }
}
