/** Text out of tokens while they are made: whole characters, and never a piece of a stop string. */

export class AnswerText {
  readonly #stops: readonly string[];
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #held = '';
  #told = '';
  #isStopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** A stop string came; nothing after it matters. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Everything told so far. */
  get whole(): string {
    return this.#told;
  }

  /** What may be told now that these bytes came; empty while a character is not whole, or a stop string may have begun. */
  add(bytes: Uint8Array): string {
    return this.#pass(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What was held back, when nothing follows; a broken character as its replacement. */
  rest(): string {
    const text = this.#pass(this.#decoder.decode());
    return text + (this.#isStopped ? '' : this.#tell(this.#held.length));
  }

  #pass(text: string): string {
    if (this.#isStopped) return '';
    this.#held += text;
    const places = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((place) => place >= 0);
    if (places.length === 0) return this.#tell(this.#held.length - this.#doubtful());
    this.#isStopped = true;
    return this.#tell(Math.min(...places));
  }

  /** Characters at the end that a stop string may begin with. */
  #doubtful(): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, this.#held.length); length > 0; length -= 1) {
      const end = this.#held.slice(-length);
      if (this.#stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }

  #tell(length: number): string {
    const told = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    this.#told += told;
    return told;
  }
}
