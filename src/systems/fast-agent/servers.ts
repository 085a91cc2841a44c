import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { mcpServerName } from '../schema/mcp-server-schema.ts';
import {
  readElicitationMode,
  readRoots,
  readSampling,
  type SamplingModel,
} from './client-features.ts';
import { Fields } from './fields.ts';
import type { Findings, Mapping } from './project.ts';

/**
 * The servers of a configuration as entries of a file. `names` maps their names in the
 * configuration to their names in the file.
 */
export type Servers = {
  entries: JsonObject;
  names: ReadonlyMap<string, string>;
  /** The models that answer their sampling requests, by the servers' names in the file. */
  samplings: ReadonlyMap<string, SamplingModel>;
};

/** A server in one file. The file of secrets may extend a server of the configuration. */
export type ServerEntry = { name: string; mapping: Mapping };

const NAMES_A_KEY = /key|token|secret|pass|pwd|pat$|credential|auth|cookie|session/i;
const LOOKS_LIKE_A_KEY = /^(Bearer |(sk|gh[opsur]|github_pat|glpat|hf|xox[a-z])[-_])|\$\{/;
/** Values that are surely no key. Any other value may be a key, whatever its name. */
const IS_A_WORD = /^([A-Za-z]{1,10}|\d{1,5})$/;
const ADDRESS_WITH_KEY =
  /^https?:\/\/[^/?#\s]*@|[?&][^=&]*(key|token|secret|sig|auth)[^=&]*=|\$\{/i;

/** Returns the servers in `mcp.servers` of a file. */
export function findServers(mapping: Mapping, mcp: JsonObject, findings: Findings): ServerEntry[] {
  const fields = new Fields({ ...mapping, data: mcp }, findings, ['mcp']);
  const servers = fields.object('servers') ?? {};
  fields.leave({}, 'it is not supported');
  return Object.entries(servers).flatMap(([name, data]) => {
    if (isJsonObject(data)) return [{ name, mapping: { ...mapping, data } }];
    fields.fault(['servers', name], 'a server must be a mapping');
    return [];
  });
}

/** Merges the parts of each server in several files and converts it to an entry. */
export function readServers(found: readonly ServerEntry[], findings: Findings): Servers {
  const entries: JsonObject = {};
  const names = new Map<string, string>();
  const samplings = new Map<string, SamplingModel>();
  for (const [name, parts] of Map.groupBy(found, (one) => one.name)) {
    const all = parts.map(({ mapping }) => new Fields(mapping, findings, ['mcp', 'servers', name]));
    const first = all[0] as Fields;
    const own = nameOf(name);
    if (own === undefined || Object.hasOwn(entries, own)) {
      first.note(
        [],
        `MCP server ${JSON.stringify(name)}: rename it to a name of letters, digits, - and _`,
      );
      continue;
    }
    const sampling = all.map(readSampling).findLast((one) => one !== undefined);
    const entry = readServer(name, own, all);
    if (!entry) continue;
    if (sampling) samplings.set(own, sampling);
    if (own !== name) first.note([], `MCP server ${JSON.stringify(name)} is renamed to ${own}`);
    entries[own] = entry;
    names.set(name, own);
  }
  return { entries, names, samplings };
}

function nameOf(name: string): string | undefined {
  const made = name
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, 32);
  return [name, made].find((one) => mcpServerName.safeParse(one).success);
}

function readServer(name: string, own: string, parts: readonly Fields[]): JsonObject | undefined {
  const first = parts[0] as Fields;
  const last = <T>(read: (fields: Fields) => T | undefined) =>
    parts.map(read).findLast((one) => one !== undefined);
  const target = words(last((fields) => fields.text('target')) ?? '');
  const address = target.find((one) => /^https?:\/\//.test(one));
  const url = last((fields) => fields.text('url')) ?? address;
  const command = last((fields) => fields.text('command')) ?? (address ? undefined : target[0]);
  const args = last((fields) => (fields.has('args') ? fields.names('args') : undefined));
  const all = args ?? target.slice(1);
  const transport = last((fields) => fields.text('transport'));
  const why =
    command === undefined ? urlFault(url, transport) : commandFault(command, all, transport);
  if (why) {
    first.note([], `MCP server ${JSON.stringify(name)} is not imported: ${why}`);
    return undefined;
  }
  const description = last((fields) => fields.text('description'));
  const cwd = command === undefined ? undefined : last((fields) => fields.text('cwd'));
  const roots = last(readRoots);
  const mode = last(readElicitationMode);
  const handed = valuesOf(command === undefined ? 'headers' : 'env', own, parts);
  for (const fields of parts) fields.leave({}, 'it is not supported');
  const isPlaced = cwd?.startsWith('/') === true;
  const strays = command !== undefined && !isPlaced && (cwd !== undefined || all.some(isOfFolder));
  if (strays)
    first.note(
      [],
      'its working directory differs in Howdah: set cwd or use absolute paths; it is imported as inactive',
    );
  return {
    ...(command === undefined ? { type: 'http', url: url as string } : { type: 'stdio', command }),
    ...(command !== undefined && all.length > 0 && { args: all }),
    ...(isPlaced && { cwd }),
    ...handed.plain,
    ...(roots !== undefined && { roots }),
    ...(mode === 'forms' && { allows_elicitation: true }),
    ...(description !== undefined && { description }),
    ...((strays || !handed.isWhole) && { is_active: false }),
  };
}

/** Returns why a server with that address cannot be carried over. */
function urlFault(url: string | undefined, transport: string | undefined): string | undefined {
  if (transport === 'sse' || /\/sse\/?([?#]|$)/.test(url ?? ''))
    return 'it uses SSE, and only streamable HTTP is supported';
  if (url === undefined) return 'it has neither a command nor a URL';
  if (ADDRESS_WITH_KEY.test(url)) return 'its URL contains a key';
  return /^https?:\/\/[^ ]+$/.test(url) ? undefined : 'its URL cannot be written to the file';
}

function commandFault(
  command: string,
  args: readonly string[],
  transport: string | undefined,
): string | undefined {
  if (transport !== undefined && transport !== 'stdio')
    return 'it has a command and a transport other than stdio';
  return containsKey([command, ...args]) ? 'an argument of it looks like a key' : undefined;
}

/** Returns whether an argument is a path relative to the folder in which fast-agent starts. */
const isOfFolder = (one: string) => /^[.~]|^[^-@/:]*\.(py|js|ts|yaml|json)$/.test(one);

/**
 * Returns the environment or the headers of a server. Plain words are copied. Any other value may
 * be a key, so it is left out, and a note says where to store it.
 */
function valuesOf(key: 'env' | 'headers', server: string, parts: readonly Fields[]) {
  const plain: JsonObject = {};
  const reported = new Set<string>();
  for (const fields of parts) {
    for (const [name, value] of Object.entries(fields.object(key) ?? {})) {
      if (isPlainValue(name, value)) {
        plain[name] = String(value);
        continue;
      }
      delete plain[name];
      if (reported.has(name)) continue;
      reported.add(name);
      const secret = `${server}_${name}`.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
      fields.note(
        [key, name],
        `${key}.${name}: keys are not imported; run howdah admin secret set ${secret}, and set secrets: {${name}: ${secret}} in mcp_servers.${server}, which is imported as inactive`,
      );
    }
  }
  const isWhole = reported.size === 0;
  return { plain: Object.keys(plain).length > 0 ? { [key]: plain } : {}, isWhole };
}

/** Returns whether a value is a plain word, and its name is not that of a key. */
export function isPlainValue(name: string, value: Json | undefined): boolean {
  return isScalar(value) && IS_A_WORD.test(String(value)) && !NAMES_A_KEY.test(name);
}

const isScalar = (value: Json | undefined): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);

/**
 * Returns whether arguments contain a key: --token X, --token=X, X_KEY=X, or a text with the shape
 * of a key.
 */
function containsKey(all: readonly string[]): boolean {
  return all.some((one, at) => {
    const [flag, value] = one.split(/=(.*)/s);
    const isNamed = NAMES_A_KEY.test(flag ?? '');
    const next = all[at + 1];
    const isFlag = one.startsWith('-') && next !== undefined && !next.startsWith('-');
    return (
      LOOKS_LIKE_A_KEY.test(one) ||
      ADDRESS_WITH_KEY.test(one) ||
      (isNamed && (value !== undefined ? value !== '' : isFlag))
    );
  });
}

/** Splits a command line without a shell into words and quoted texts. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );
}

/** Returns the servers of a card, each with its allowed tools if there is a filter. */
export function serversOf(fields: Fields, { names }: Servers): JsonObject {
  const filters = fields.object('tools') ?? {};
  const wanted = new Map<string, JsonObject>();
  for (const [at, name] of fields.names('servers').entries()) {
    const own = names.get(name);
    if (own === undefined) {
      fields.note(['servers', at], `MCP server ${JSON.stringify(name)} was not imported`);
    } else {
      wanted.set(own, allowedTools(fields, name, filters[name]));
    }
  }
  for (const name of Object.keys(filters).filter((one) => !wanted.has(names.get(one) ?? '')))
    fields.note(['tools', name], `tools.${name}: the agent has no such server`);
  const isPlain = [...wanted.values()].every((one) => Object.keys(one).length === 0);
  if (wanted.size === 0) return {};
  return { servers: isPlain ? [...wanted.keys()] : Object.fromEntries(wanted) };
}

/**
 * Returns the allowed tools of a server. Patterns are not carried over. They are reported, and the
 * tools that they match are not allowed.
 */
function allowedTools(fields: Fields, server: string, filter: Json | undefined): JsonObject {
  if (filter === undefined || filter === null) return {};
  const all = Array.isArray(filter) ? filter.filter((one) => typeof one === 'string') : [];
  if (all.includes('*')) return {};
  const patterns = all.filter((one) => /[*?[]/.test(one));
  if (patterns.length > 0)
    fields.note(
      ['tools', server],
      `tools.${server}: patterns are not imported, list the tools by name: ${patterns.join(', ')}`,
    );
  return { allowed_tools: all.filter((one) => one !== '' && !patterns.includes(one)) };
}
