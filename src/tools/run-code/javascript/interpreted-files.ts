import type { QuickJSContext, QuickJSHandle } from 'quickjs-emscripten-core';
import { FILES_BYTES, type Scratch } from '../scratch.ts';

/** A text as JSON has no more bytes than this for each of its own. */
const ESCAPED = 6;
const MOST_OF_A_HEAD = 4_000;

/**
 * What the prelude calls for `files`: each with the names it is given. Texts go in and out as JSON, since a text between the
 * interpreter and here ends at its first NUL. Whatever the code has made of the prelude comes here as a value of its own.
 */
export function filesFunctions(
  context: QuickJSContext,
  scratch: Scratch,
): Record<'put' | 'text' | 'bytes' | 'list', QuickJSHandle> {
  const text = new TextDecoder('utf-8', { fatal: true });
  const head = (handle: QuickJSHandle): string[] => {
    const words: unknown = JSON.parse(textOf(context, handle, MOST_OF_A_HEAD));
    return Array.isArray(words) ? words.map(String) : [];
  };
  const put = context.newFunction('put', (words, content) => {
    const [name = '', type] = head(words);
    const isText = context.typeof(content) === 'string';
    const bytes = isText
      ? Buffer.from(JSON.parse(textOf(context, content, ESCAPED * FILES_BYTES + 2)))
      : bytesOf(context, content);
    scratch.write({ name, bytes, ...(type === undefined ? {} : { type }) });
  });
  const readText = context.newFunction('text', (words) => {
    const [name = ''] = head(words);
    let found: string;
    const bytes = scratch.read(name);
    try {
      found = JSON.stringify(text.decode(bytes));
    } catch {
      throw new Error(`${JSON.stringify(name)} is no text in UTF-8: read it by files.bytes`);
    }
    makeRoom(context, Buffer.byteLength(found) + 1);
    return context.newString(found);
  });
  const readBytes = context.newFunction('bytes', (words) => {
    const bytes = scratch.read(head(words)[0] ?? '');
    makeRoom(context, bytes.byteLength);
    // a copy, since what is given may be a part of a larger buffer
    return context.newArrayBuffer(new Uint8Array(bytes).buffer);
  });
  const list = context.newFunction('list', () => context.newString(JSON.stringify(scratch.list())));
  return { put, text: readText, bytes: readBytes, list };
}

/** What is copied into the interpreter is not asked there whether it fits: so that much is asked for first, and given back. */
function makeRoom(context: QuickJSContext, bytes: number): void {
  const made = context.evalCode(`new ArrayBuffer(${bytes})`);
  if (made.error) throw outOfMemory();
  made.value.dispose();
}

function textOf(context: QuickJSContext, handle: QuickJSHandle, most: number): string {
  const length = context.getNumber(context.getProp(handle, 'length'));
  if (!(length <= most)) throw new Error('the text is too long');
  const text = context.getString(handle);
  if (text === '') throw outOfMemory(); // JSON is never empty: there was no room to read it
  return text;
}

function bytesOf(context: QuickJSContext, handle: QuickJSHandle): Uint8Array {
  if (context.getNumber(context.getProp(handle, 'byteLength')) === 0) return new Uint8Array();
  const inside = context.getArrayBuffer(handle);
  const bytes = Uint8Array.from(inside.value);
  inside.dispose();
  return bytes;
}

/** As the interpreter itself says it. */
function outOfMemory(): Error {
  return Object.assign(new Error('out of memory'), { name: 'InternalError' });
}
