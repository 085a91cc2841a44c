import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { toPointer } from './fault.ts';
import { type ShapeFault, shapeFaults } from './schema-errors.ts';

/** The minimal entry of each section, so that other entries can refer to it. */
const LEAST: Record<string, JsonObject> = {
  models: { provider: 'local', model: 'extractive' },
  functions: { definition: 'any' },
  tools: { kind: 'custom' },
  mcp_servers: { type: 'http', url: 'https://localhost/' },
  prompts: { template: 'any' },
  skills: { description: 'any', content: 'any' },
  agents: {},
  workflows: { type: 'chain', members: [] },
};
/**
 * Sections and keys whose parts are valid only together. If one part is wrong, the others mean
 * nothing.
 */
const WHOLE = ['tools', 'prompts'];
const BESIDE_OTHERS = ['prompt_values', 'request_params', 'engine', 'engine_configuration'];

/** The valid parts of a document. They are plain data, so that threads can exchange them. */
export type SalvagedDocument = {
  document: JsonObject;
  hasName: boolean;
  /** The paths in the file of parts whose path in `document` differs. */
  moved: Map<string, string>;
};

/**
 * Returns the valid parts of a document, so that they can be checked further although other parts
 * violate the schema.
 */
export function salvageEntries(document: unknown, faults: readonly ShapeFault[]): SalvagedDocument {
  const all = isJsonObject(document) ? document : {};
  const sound = new Soundness(faults);
  const hasName = typeof all.name === 'string' && sound.isWhole('/name');
  const copy: JsonObject = { version: 'v1', name: hasName ? String(all.name) : 'unnamed' };
  if (typeof all.orchestrator === 'string' && sound.isWhole('/orchestrator'))
    copy.orchestrator = all.orchestrator;
  for (const section of Object.keys(LEAST)) {
    const entries = all[section];
    if (isJsonObject(entries) && !sound.bad.has(`/${section}`))
      copy[section] = entriesOf(section, entries, sound);
  }
  return { document: copy, hasName, moved: sound.moved };
}

/**
 * Returns a function that maps a fault of `document` to its path in the file. The result is
 * undefined for a fault that the removed parts may have caused.
 */
export function originalPaths(
  { hasName, moved }: SalvagedDocument,
  faults: readonly ShapeFault[],
): (found: { path: string; code?: string }) => string | undefined {
  const sound = new Soundness(faults, moved);
  return ({ path, code }) => {
    // everything in a system without a name would belong to another system
    if (!hasName && (code === 'HWCNF' || path.startsWith('/functions/'))) return undefined;
    return sound.original(path);
  };
}

/** The faults of a document, and the original paths of the remaining parts. */
class Soundness {
  readonly bad: ReadonlySet<string>;
  readonly strangeNames: ReadonlySet<string>;
  readonly moved: Map<string, string>;

  constructor(faults: readonly ShapeFault[], moved = new Map<string, string>()) {
    this.moved = moved;
    this.bad = new Set(faults.map(({ path }) => path));
    this.strangeNames = new Set(faults.filter(({ isKey }) => isKey).map(({ path }) => path));
  }

  /** Returns whether a value and everything below it is valid. */
  isWhole(pointer: string): boolean {
    return ![...this.bad].some((path) => path === pointer || path.startsWith(`${pointer}/`));
  }

  /**
   * Returns a value without its invalid parts. Lists become shorter, so the original paths of their
   * entries are recorded.
   */
  without(value: Json, to: string, from: string): Json {
    if (to !== from) this.moved.set(to, from);
    if (Array.isArray(value)) {
      const validPlaces = [...value.keys()].filter((place) => !this.bad.has(`${from}/${place}`));
      return validPlaces.map((place, index) =>
        this.without(value[place] as Json, `${to}/${index}`, `${from}/${place}`),
      );
    }
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, one]) => ({ key, one: one as Json, below: toPointer([key]) }))
        .filter(({ below }) => !this.bad.has(from + below))
        .map(({ key, one, below }) => [key, this.without(one, to + below, from + below)]),
    );
  }

  original(pointer: string): string | undefined {
    const path = this.moved.get(pointer) ?? pointer;
    const entry = path.split('/').slice(0, 3).join('/');
    if (this.isWhole(entry)) return path;
    const [, section = ''] = path.split('/');
    const isReported = [...this.bad].some((one) => path === one || path.startsWith(`${one}/`));
    return path === entry || isReported || !this.isWhole(path) || WHOLE.includes(section)
      ? undefined
      : path;
  }
}

function entriesOf(section: string, entries: JsonObject, sound: Soundness): JsonObject {
  return Object.fromEntries(
    Object.entries(entries)
      .map(([name, entry]) => ({ name, entry: entry as Json, at: toPointer([section, name]) }))
      .filter(({ at }) => !sound.strangeNames.has(at))
      .map(({ name, entry, at }) => [name, entryOf(section, name, entry, at, sound)]),
  );
}

function entryOf(section: string, name: string, entry: Json, at: string, sound: Soundness): Json {
  if (sound.isWhole(at)) return section === 'agents' ? withoutValues(entry, sound) : entry;
  const least = LEAST[section] as JsonObject;
  if (!isJsonObject(entry) || WHOLE.includes(section)) return least;
  const rest = sound.without(entry, at, at) as JsonObject;
  const forms = [
    { ...least, ...(section === 'agents' ? alone(rest) : rest) },
    { ...least, ...(section === 'workflows' && { members: rest.members ?? [] }) },
  ];
  const isSound = (form: JsonObject) =>
    shapeFaults({ version: 'v1', name: 'unnamed', [section]: { [name]: form } }).length === 0;
  return forms.find(isSound) ?? least;
}

/** Removes prompt values if the prompt is invalid, because nothing can be said about them. */
function withoutValues(entry: Json, sound: Soundness): Json {
  const { prompt_values: _, ...rest } = entry as JsonObject;
  const { prompt } = rest;
  const isKnown = typeof prompt !== 'string' || sound.isWhole(toPointer(['prompts', prompt]));
  return isKnown ? entry : rest;
}

/** Returns the parts of an agent that are valid or invalid on their own. */
function alone(entry: JsonObject): JsonObject {
  const rest = Object.entries(entry).filter(([key]) => !BESIDE_OTHERS.includes(key));
  const { tools, ...others } = Object.fromEntries(rest) as JsonObject;
  const allow = isJsonObject(tools) ? tools.allow : undefined;
  return { ...others, ...(allow !== undefined && { tools: { allow } }) };
}
