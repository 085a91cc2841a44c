/**
 * Runs inside the sandbox before the code that was given: makes `data` and `console`, and gives the two functions by which
 * the result and an error are read. Nothing here is a wall: the code may replace all of it, and then only it is wrong.
 */
export const PRELUDE = `(print, dataText, longest) => {
  const { stringify, parse } = JSON;
  const show = (value) => {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return value.name + ': ' + value.message;
    try {
      return tell(value) ?? String(value);
    } catch {
      return String(value);
    }
  };
  const tell = (value) => stringify(value, (_, one) =>
    typeof one === 'bigint' ? String(one) : one instanceof Map || one instanceof Set ? [...one] : one);
  const log = (...values) => print(values.map(show).join(' ').slice(0, longest));
  globalThis.console = { log, info: log, warn: log, error: log, debug: log };
  globalThis.data = parse(dataText);
  return {
    tell: async (value) => tell(await value) ?? 'null',
    blame: (error) => error instanceof Error
      ? stringify({ name: String(error.name), message: String(error.message).slice(0, 2000),
          stack: String(error.stack).slice(0, 4000) })
      : stringify({ name: '', message: 'thrown: ' + show(error).slice(0, 2000), stack: '' }),
  };
}`;
