import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { isJsonText } from '../../json/parse-json.ts';
import { plainText } from './plain-text.ts';

/** A call of which some pieces have arrived. */
export type PartialCall = { id: string; name: string; text: string };

/**
 * The calls of an answer, put together from the pieces of a stream. The pieces of a call share an
 * `index`. Servers differ:
 *
 * - index 0, or none, for every parallel call: a new id together with a name begins a new call, and
 *   so does a name after arguments that are complete
 * - the whole call again in each piece: the longer text replaces the shorter one
 * - several calls in the arguments of one: each JSON object is a call
 */
export class ToolCallPieces {
  readonly #calls: PartialCall[] = [];
  /** The call that the next piece with an index continues. */
  readonly #latest = new Map<number, PartialCall>();

  /** The number of characters of all arguments. */
  get length(): number {
    return this.#calls.reduce((sum, { text }) => sum + text.length, 0);
  }

  /** Adds a piece of a streamed call. */
  addPiece(piece: unknown): void {
    if (!isJsonObject(piece)) return;
    const { id, name, text } = fieldsOf(piece);
    const index = typeof piece.index === 'number' ? piece.index : undefined;
    const known = index === undefined ? this.#continued(id, name) : this.#latest.get(index);
    const call = known && !isOther(known, { id, name, text }) ? known : this.#begin();
    if (index !== undefined) this.#latest.set(index, call);
    call.id ||= id;
    call.name = name || call.name;
    call.text = joined(call.text, text);
  }

  /** Adds a complete call of an answer that was not streamed. */
  addCall(call: unknown): void {
    if (isJsonObject(call)) Object.assign(this.#begin(), fieldsOf(call));
  }

  /** Returns the calls, with those apart that one text of arguments contains. */
  all(): PartialCall[] {
    return this.#calls.flatMap((call) =>
      objectsIn(call.text).map((text, place) => ({
        ...call,
        ...(place > 0 ? { id: '' } : {}),
        text,
      })),
    );
  }

  /** Returns the call that a piece without an index continues: the last one unless it is named. */
  #continued(id: string, name: string): PartialCall | undefined {
    const last = this.#calls.at(-1);
    const isRepeated = last !== undefined && last.name === name && id !== '' && last.id === id;
    return name === '' || isRepeated ? last : undefined;
  }

  #begin(): PartialCall {
    const call = { id: '', name: '', text: '' };
    this.#calls.push(call);
    return call;
  }
}

function fieldsOf(call: JsonObject): PartialCall {
  const fn = isJsonObject(call.function) ? call.function : {};
  const text = isJsonObject(fn.arguments) ? JSON.stringify(fn.arguments) : plainText(fn.arguments);
  return { id: plainText(call.id), name: plainText(fn.name), text };
}

/** Returns whether a piece with the index of a known call begins another call. */
function isOther(known: PartialCall, { id, name, text }: PartialCall): boolean {
  if (name === '') return false;
  if ((known.id && id && known.id !== id) || (known.name && known.name !== name)) return true;
  // most pieces end within the arguments, which need not be parsed for each
  if (text === '' || text.startsWith(known.text) || !/\}\s?$/.test(known.text.slice(-2)))
    return false;
  return isJsonText(known.text);
}

/** Returns the arguments with the next piece, which may repeat all of them from their beginning. */
function joined(before: string, piece: string): string {
  const isWhole = before.startsWith('{') && piece.startsWith(before);
  return isWhole ? piece : before + piece;
}

/** Returns each JSON object of a text that is nothing but objects, or the text itself. */
function objectsIn(text: string): string[] {
  if (!/\}\s*\{/.test(text) || isJsonText(text)) return [text];
  const objects = splitObjects(text);
  if (!objects.every(isJsonText)) return [text];
  return objects.filter((object, place) => object !== objects[place - 1]);
}

/** Characters that matter in a scan of JSON for braces. */
const TOKEN = /["\\{}]/g;

/** Splits a text after each brace that closes an outermost one. Reads the text once. */
function splitObjects(text: string): string[] {
  const objects: string[] = [];
  let start = 0;
  let depth = 0;
  let isString = false;
  let escaped = -1;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (index === escaped) continue;
    if (token === '\\') escaped = index + 1;
    if (token === '"') isString = !isString;
    if (isString) continue;
    if (token === '{') depth += 1;
    if (token === '}') depth -= 1;
    if (token !== '}' || depth !== 0) continue;
    objects.push(text.slice(start, index + 1).trim());
    start = index + 1;
  }
  const rest = text.slice(start).trim();
  return rest === '' ? objects : [...objects, rest];
}
