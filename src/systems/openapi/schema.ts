import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { fromPointer } from '../schema/fault.ts';
import { type OpenApi, pointerOf } from './document.ts';

/** Keywords that do not restrict values. Examples may also contain keys. */
const LEFT_OUT = new Set([
  'example',
  'examples',
  'xml',
  'externalDocs',
  'discriminator',
  '$schema',
  '$id',
  '$anchor',
  '$comment',
]);
const BY_NAME = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
]);
const AS_IT_IS = new Set(['enum', 'const', 'default', 'required', 'type']);

/**
 * The schemas of one tool. Each referenced schema is stored once below `$defs`, so that recursive
 * schemas stay finite.
 */
export class Schemas {
  readonly #openApi: OpenApi;
  readonly #names = new Map<string, string>();
  readonly #elsewhere = new Set<string>();
  readonly #pointer: string;
  readonly defs: JsonObject = {};

  /**
   * Creates the schemas of an operation. Notes about parts that are not carried over have the place
   * `pointer`.
   */
  constructor(openApi: OpenApi, pointer: string) {
    this.#openApi = openApi;
    this.#pointer = pointer;
  }

  /** Converts a schema of the description to JSON Schema 2020-12. */
  take(schema: Json | undefined): Json {
    if (Array.isArray(schema)) return schema.map((one) => this.take(one));
    if (!isJsonObject(schema ?? null)) return typeof schema === 'boolean' ? schema : {};
    const { $ref, ...rest } = schema as JsonObject;
    const own = this.#convert(rest);
    if (typeof $ref !== 'string') return own;
    const name = this.#nameOf($ref);
    return name === undefined ? own : { $ref: `#/$defs/${name}`, ...own };
  }

  /** Removes invisible characters from the description of a parameter. */
  visibleDescription(description: string): string {
    return this.#openApi.visible(description, this.#pointer, 'the description of a parameter');
  }

  #nameOf($ref: string): string | undefined {
    const pointer = pointerOf($ref);
    if (pointer === undefined) {
      if (!this.#elsewhere.has($ref)) {
        const reference = JSON.stringify(firstCharacters($ref, 200));
        this.#openApi.note(
          this.#pointer,
          `any value is accepted for ${reference}, which is in another file`,
        );
      }
      this.#elsewhere.add($ref);
      return undefined;
    }
    const known = this.#names.get(pointer);
    if (known) return known;
    const found = this.#openApi.at(pointer);
    if (found === undefined) {
      this.#openApi.fault(pointer, `${$ref} does not exist`);
      return undefined;
    }
    const base = (fromPointer(pointer).at(-1) ?? 'root').replace(/[^A-Za-z0-9_.-]/g, '_');
    const taken = new Set(this.#names.values());
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}_${count}`;
    this.#names.set(pointer, name);
    this.defs[name] = this.take(found);
    return name;
  }

  #convert(schema: JsonObject): JsonObject {
    const supported = Object.entries(schema).filter(
      ([key]) => !LEFT_OUT.has(key) && !key.startsWith('x-'),
    );
    const converted = Object.fromEntries(
      supported.map(([key, value]) => [key, this.#keyword(key, value)]),
    );
    const { required, ...rest } = converted;
    const sound = Array.isArray(required) ? converted : (rest as JsonObject);
    return this.#openApi.isOlder ? fromOlder(sound) : sound;
  }

  #keyword(key: string, value: Json): Json {
    if (AS_IT_IS.has(key)) return value;
    if (key === 'description' && typeof value === 'string') return this.visibleDescription(value);
    if (BY_NAME.has(key) && isJsonObject(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.take(one)]));
    }
    return Array.isArray(value) || isJsonObject(value) ? this.take(value) : value;
  }
}

/** Converts the three keywords of OpenAPI 3.0 that differ from JSON Schema. */
function fromOlder(schema: JsonObject): JsonObject {
  const { nullable, exclusiveMinimum, exclusiveMaximum, ...rest } = schema;
  const limits = {
    ...boundOf('exclusiveMinimum', exclusiveMinimum, rest.minimum),
    ...boundOf('exclusiveMaximum', exclusiveMaximum, rest.maximum),
  };
  if ('exclusiveMinimum' in limits) delete rest.minimum;
  if ('exclusiveMaximum' in limits) delete rest.maximum;
  const plain = { ...rest, ...limits } as JsonObject;
  if (nullable !== true) return plain;
  if (typeof plain.type !== 'string') return { anyOf: [plain, { type: 'null' }] };
  return {
    ...plain,
    type: [plain.type, 'null'],
    ...(Array.isArray(plain.enum) && !plain.enum.includes(null) && { enum: [...plain.enum, null] }),
  };
}

function boundOf(key: string, exclusive: Json | undefined, limit: Json | undefined): JsonObject {
  if (typeof exclusive === 'number') return { [key]: exclusive };
  return exclusive === true && typeof limit === 'number' ? { [key]: limit } : {};
}
