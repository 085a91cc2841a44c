/** What of it is used here; neither the library of this language level nor @types/node describes it. */
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { grow(pages: number): number };
};

/** The memory of an interpreter, and whether it was refused more the last time it asked. */
export type BoundMemory = { memory: object; isFull(): boolean };

/**
 * An interpreter that gets no more memory in the middle of a promise throws null, for which there is room, or never settles
 * it: what was the matter only the memory knows.
 */
export function boundMemory(initial: number, maximum: number): BoundMemory {
  const memory = new WebAssembly.Memory({ initial, maximum });
  const grow = memory.grow.bind(memory);
  let isFull = false;
  memory.grow = (pages) => {
    isFull = true;
    const before = grow(pages); // throws beyond the maximum
    isFull = false;
    return before;
  };
  return { memory, isFull: () => isFull };
}
