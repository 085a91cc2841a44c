import type { Readable } from 'node:stream';
import { markNumbers } from '../../json/mark-numbers.ts';

type Listener = (...values: unknown[]) => void;

/**
 * Returns a stream as the transport of the SDK reads it, with the long numbers of its lines marked:
 * the SDK parses JSON itself. The transport stays in control of the stream, which it pauses.
 */
export function markedInput(input: Readable): Readable {
  const marking = new Map<Listener, Listener>();
  const on = (event: string, listener: Listener) => {
    if (event === 'data') marking.set(listener, markLines(listener));
    input.on(event, marking.get(listener) ?? listener);
  };
  const off = (event: string, listener: Listener) => {
    input.off(event, marking.get(listener) ?? listener);
  };
  return new Proxy(input, {
    get(target, name) {
      if (name === 'on') return on;
      if (name === 'off') return off;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Passes whole lines on. No string of JSON contains a line break. */
function markLines(pass: Listener): Listener {
  let rest: Buffer[] = [];
  return (data) => {
    const chunk = data as Buffer;
    const end = chunk.lastIndexOf(10) + 1;
    if (end > 0) {
      const lines = Buffer.concat([...rest, chunk.subarray(0, end)]).toString('utf8');
      rest = [];
      pass(Buffer.from(markNumbers(lines)));
    }
    rest.push(chunk.subarray(end));
  };
}
