/**
 * A trie of patterns in which each node links to the longest other node that is a suffix of its
 * text (Aho and Corasick, 1975). Nodes are numbers, 0 is the root, and arrays hold the properties
 * of nodes.
 */
export class PatternAutomaton {
  comparisons = 0;
  readonly #code = [0];
  readonly #child = [0];
  readonly #sibling = [0];
  readonly #fail = [0];
  readonly #depth = [0];
  /** Length of the longest pattern that ends at a node. */
  readonly #longest = [0];
  /** Children of the root, which may be many. */
  readonly #first = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#code.length === 1;
  }

  add(pattern: string): void {
    let node = 0;
    for (let at = 0; at < pattern.length; at += 1) {
      const code = pattern.charCodeAt(at);
      node = this.#childOf(node, code) || this.#grow(node, code);
    }
    this.#longest[node] = pattern.length;
  }

  #grow(parent: number, code: number): number {
    const node = this.#code.length;
    this.#code.push(code);
    this.#child.push(0);
    this.#sibling.push(this.#child[parent] as number);
    this.#child[parent] = node;
    this.#fail.push(0);
    this.#depth.push((this.#depth[parent] as number) + 1);
    this.#longest.push(0);
    if (parent === 0) this.#first.set(code, node);
    return node;
  }

  /** Links the nodes; called once all patterns are added. */
  link(): void {
    const queue = [...this.#first.values()];
    for (let at = 0; at < queue.length; at += 1) {
      const node = queue[at] as number;
      this.#longest[node] ||= this.#longest[this.#fail[node] as number] as number;
      for (let child = this.#child[node] as number; child; child = this.#sibling[child] as number) {
        this.#fail[child] = this.step(this.#fail[node] as number, this.#code[child] as number);
        queue.push(child);
      }
    }
  }

  /**
   * Returns the node after the next character: the longest prefix of a pattern that ends the text
   * read so far.
   */
  step(from: number, code: number): number {
    for (let node = from; ; node = this.#fail[node] as number) {
      const next = this.#childOf(node, code);
      if (next || node === 0) return next;
    }
  }

  #childOf(node: number, code: number): number {
    this.comparisons += 1;
    if (node === 0) return this.#first.get(code) ?? 0;
    let child = this.#child[node] as number;
    while (child && this.#code[child] !== code) {
      this.comparisons += 1;
      child = this.#sibling[child] as number;
    }
    return child;
  }

  longestAt(node: number): number {
    return this.#longest[node] as number;
  }

  depthOf(node: number): number {
    return this.#depth[node] as number;
  }
}
