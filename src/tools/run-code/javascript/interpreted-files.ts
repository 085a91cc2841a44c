import type { QuickJSContext, QuickJSHandle } from 'quickjs-emscripten-core';
import { parseJson } from '../../../json/parse-json.ts';
import { FILES_BYTES, type Scratch } from '../scratch.ts';

/** The most bytes of JSON for each byte of a text. */
const ESCAPED = 6;
const MAX_HEAD_LENGTH = 4_000;

/**
 * Creates the functions of `files` that the prelude calls. Texts are passed as JSON, because a text
 * passed to or from the interpreter ends at its first NUL. The code may have changed the prelude,
 * so every argument is checked here.
 */
export function filesFunctions(
  context: QuickJSContext,
  scratch: Scratch,
): Record<'put' | 'text' | 'bytes' | 'list', QuickJSHandle> {
  const text = new TextDecoder('utf-8', { fatal: true });
  const head = (handle: QuickJSHandle): string[] => {
    const words: unknown = parseJson(textOf(context, handle, MAX_HEAD_LENGTH));
    return Array.isArray(words) ? words.map(String) : [];
  };
  const put = context.newFunction('put', (words, content) => {
    const [name = '', type] = head(words);
    const isText = context.typeof(content) === 'string';
    const bytes = isText
      ? Buffer.from(parseJson<string>(textOf(context, content, ESCAPED * FILES_BYTES + 2)))
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
    // a copy, because the bytes may be part of a larger buffer
    return context.newArrayBuffer(new Uint8Array(bytes).buffer);
  });
  const list = context.newFunction('list', () => context.newString(JSON.stringify(scratch.list())));
  return { put, text: readText, bytes: readBytes, list };
}

/**
 * Throws if the interpreter has no room for a copy. Copying itself does not check the memory limit,
 * so the same amount is allocated and released first.
 */
function makeRoom(context: QuickJSContext, bytes: number): void {
  const made = context.evalCode(`new ArrayBuffer(${bytes})`);
  if (made.error) throw outOfMemory();
  made.value.dispose();
}

function textOf(context: QuickJSContext, handle: QuickJSHandle, most: number): string {
  const length = context.getNumber(context.getProp(handle, 'length'));
  if (!(length <= most)) throw new Error('the text is too long');
  const text = context.getString(handle);
  if (text === '') throw outOfMemory(); // JSON is never empty, so there was no memory to read it
  return text;
}

function bytesOf(context: QuickJSContext, handle: QuickJSHandle): Uint8Array {
  if (context.getNumber(context.getProp(handle, 'byteLength')) === 0) return new Uint8Array();
  const inside = context.getArrayBuffer(handle);
  const bytes = Uint8Array.from(inside.value);
  inside.dispose();
  return bytes;
}

/** Creates the error that the interpreter raises when it is out of memory. */
function outOfMemory(): Error {
  return Object.assign(new Error('out of memory'), { name: 'InternalError' });
}
