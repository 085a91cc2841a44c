/**
 * The program that runs in the sandbox before the code. It creates `data`, `console` and `files`,
 * and returns the two functions that read the result and an error. It is no security boundary: the
 * code may replace all of it, and then only that code is affected.
 */
export const PRELUDE = `(print, dataText, longest, put, text, bytes, list) => {
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
  const { isView } = ArrayBuffer;
  const bufferOf = (value) => value instanceof ArrayBuffer ? value
    : !isView(value) ? undefined
    : value.byteLength === value.buffer.byteLength ? value.buffer
    : value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
  globalThis.files = {
    write: (name, content, type) => {
      const buffer = bufferOf(content);
      if (buffer === undefined && typeof content !== 'string') {
        throw new TypeError('files.write(name, content, type): the content is no text and no Uint8Array');
      }
      put(stringify(type === undefined ? [String(name)] : [String(name), String(type)]), buffer ?? stringify(content));
    },
    read: (name) => parse(text(stringify([String(name)]))),
    bytes: (name) => new Uint8Array(bytes(stringify([String(name)]))),
    list: () => parse(list()),
  };
  return {
    tell: async (value) => tell(await value) ?? 'null',
    blame: (error) => error instanceof Error
      ? stringify({ name: String(error.name), message: String(error.message).slice(0, 2000),
          stack: String(error.stack).slice(0, 4000) })
      : stringify({ name: '', message: 'thrown: ' + show(error).slice(0, 2000), stack: '' }),
  };
}`;
