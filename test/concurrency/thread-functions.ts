// The functions that the threads of thread-pool.test.ts run.

let calls = 0;

export function count(): number {
  calls += 1;
  return calls;
}

export function echo<T>(value: T): T {
  return value;
}

export function loop(): never {
  for (;;);
}

/** Waits for ever and cannot be interrupted. */
export function wait(): Promise<never> {
  return new Promise(() => setInterval(() => {}, 1_000));
}

export function fill(): number {
  const all: object[] = [];
  for (;;) all.push([all.length]);
}

let kept: Buffer | undefined;

/** Keeps memory for later calls, as parsers do. */
export function keep(mb: number): number {
  kept = Buffer.alloc(mb * 1024 * 1024, 1);
  return kept.length;
}

/** Needs memory, and waits until it has been there for a while. */
export async function need(mb: number): Promise<number> {
  const bytes = Buffer.alloc(mb * 1024 * 1024, 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return bytes[0] as number;
}

export function refuse(): never {
  throw Object.assign(new Error('not this one'), { code: 'HWINV' });
}

export function uncopyable(): () => void {
  return () => {};
}

export function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Ends the process that runs it, also from within a thread. */
export function askForInvalidSize(): number {
  let list = [1, 2, 3, 4];
  for (;;) list = [...list, ...list];
}

export function environment(): string[] {
  return Object.keys(process.env);
}
