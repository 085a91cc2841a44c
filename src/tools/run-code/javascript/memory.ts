/**
 * The part of WebAssembly that is used here. Neither the library of this language level nor
 * @types/node declares it.
 */
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { grow(pages: number): number };
};

/** The memory of an interpreter. `isFull` returns whether the last growth was refused. */
export type BoundMemory = { memory: object; isFull(): boolean };

/**
 * Creates the memory of an interpreter. When the memory is exhausted inside a promise, the
 * interpreter throws null, for which there is room, or never settles the promise. Only the memory
 * then knows the cause.
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
