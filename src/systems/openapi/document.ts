import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { decodePercent } from '../../text/decode-percent.ts';
import { type ReadFile, readFile } from '../read-file.ts';
import { type Fault, fromPointer, type Note } from '../schema/fault.ts';

/** The largest descriptions in use have 12 MB. */
export const MAX_OPENAPI_BYTES = 16 * 1024 * 1024;
const MAX_HOPS = 50;
/**
 * Characters that a reader does not see: format marks, private characters and controls. The joiners
 * of emoji and of some scripts are allowed.
 */
const HIDDEN = /(?![\u200c\u200d])[\p{Cf}\p{Co}]|(?![\t\n\r])\p{Cc}/gu;

/**
 * Returns the JSON pointer of a reference within its document. Returns undefined for a reference to
 * another document, or for any other text.
 */
export function pointerOf($ref: string): string | undefined {
  return $ref.startsWith('#') ? decodePercent($ref.slice(1)) : undefined;
}

/** An object of the description, and its place as a JSON pointer. */
export type Located = { value: JsonObject; pointer: string };

/** An OpenAPI description, with the place of each of its parts. */
export class OpenApi {
  readonly name: string;
  readonly root: JsonObject;
  readonly notes: Note[] = [];
  readonly faults: Fault[] = [];
  readonly #read: ReadFile;

  constructor(name: string, text: string) {
    this.name = name;
    this.#read = readFile(text, {
      isJson: /^\s*\{/.test(text),
      maxBytes: MAX_OPENAPI_BYTES,
      maxTokens: Number.POSITIVE_INFINITY,
    });
    this.faults.push(...this.#read.faults);
    const document = (this.#read.document ?? {}) as Json;
    this.root = isJsonObject(document) ? document : {};
    if (this.faults.length === 0) this.#refuseOthers();
  }

  /**
   * Returns whether the version is 3.0, which has its own dialect of schemas. Later versions use
   * JSON Schema.
   */
  get isOlder(): boolean {
    return String(this.root.openapi).startsWith('3.0');
  }

  note(pointer: string, message: string): void {
    this.notes.push({ file: this.name, ...this.#read.locate(pointer), message });
  }

  fault(pointer: string, message: string, hint?: string): void {
    const place = this.#read.locate(pointer);
    this.faults.push({ ...place, path: pointer, message, code: 'HWINV', ...(hint && { hint }) });
  }

  /**
   * Follows all references of a value and returns the object with its pointer. Returns undefined if
   * there is no object. A reference into another file is never followed.
   */
  resolve(
    value: Json | undefined,
    pointer: string,
  ): { value: JsonObject; pointer: string } | undefined {
    let at = { value, pointer };
    for (let hops = 0; isJsonObject(at.value ?? null); hops += 1) {
      const object = at.value as JsonObject;
      if (typeof object.$ref !== 'string') return { value: object, pointer: at.pointer };
      const next = pointerOf(object.$ref);
      if (next === undefined || hops === MAX_HOPS) return undefined;
      at = { value: this.at(next), pointer: next };
    }
    return undefined;
  }

  /** Returns the value at a JSON pointer. */
  at(pointer: string): Json | undefined {
    let value: Json | undefined = this.root;
    for (const part of fromPointer(pointer)) {
      if (Array.isArray(value)) value = value[Number(part)];
      else
        value =
          isJsonObject(value ?? null) && Object.hasOwn(value as JsonObject, part)
            ? (value as JsonObject)[part]
            : undefined;
    }
    return value;
  }

  /**
   * Removes and reports characters that a reader does not see, because they could give a model
   * instructions that nobody has read.
   */
  visible(text: string, pointer: string, what: string): string {
    const plain = text.replace(HIDDEN, '');
    if (plain !== text) this.note(pointer, `invisible characters in ${what} are left out`);
    return plain;
  }

  #refuseOthers(): void {
    const { openapi, swagger, paths } = this.root;
    if (/^3\.[01](\.|$)/.test(String(openapi))) {
      if (!isJsonObject(paths ?? null))
        this.fault('/paths', 'paths is missing: there are no operations');
    } else if (swagger !== undefined) {
      this.fault(
        '/swagger',
        `this is Swagger ${String(swagger)}, but only OpenAPI 3.0 and 3.1 are supported`,
        'Convert it to OpenAPI 3.0 or 3.1 first.',
      );
    } else {
      this.fault('/openapi', 'openapi is not 3.0.x or 3.1.x: this version is not supported');
    }
  }
}
