import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { normalizeText } from '../../text/normalize-text.ts';
import { faultLine, type Note } from '../schema/fault.ts';
import { nearestTo } from '../schema/schema-errors.ts';
import { methodAndPath } from './arguments.ts';
import { OpenApi } from './document.ts';
import {
  type ImportedTool,
  type Operation,
  operationsOf,
  shortToolName,
  type ToolOptions,
  toolOf,
} from './operation-tool.ts';
import type { NeededSecret } from './security.ts';

export type OpenApiOptions = {
  /** The name of the system. By default the title of the description in lower case. */
  name?: string | undefined;
  /** The prefix of each tool's name. */
  prefix?: string | undefined;
  /** The operations to import, by the names of their tools without prefix. `*` matches any text. */
  only?: readonly string[] | undefined;
  /** The names of secrets by security scheme. */
  secrets?: Readonly<Record<string, string>> | undefined;
  approval?: boolean | undefined;
} & Pick<ToolOptions, 'server' | 'source'>;

export type ImportedApi = {
  /** The content of an agent system file with the tools. */
  document: JsonObject;
  /** The parts that were not carried over, or not exactly. */
  notes: Note[];
  /** The secrets that requests are sent with. */
  secrets: NeededSecret[];
};

/**
 * Converts an OpenAPI description to an agent system with one tool per operation. Throws one error
 * for all faults of the description (`detail.faults`), and `EUSAGE` for invalid options. Parts
 * without a counterpart are returned as notes.
 */
export function importOpenApi(
  file: string,
  text: string,
  options: OpenApiOptions = {},
): ImportedApi {
  const openApi = new OpenApi(file, text);
  refuseFaults(openApi);
  const name = options.name ?? nameOf(openApi);
  const secretName = (scheme: string) =>
    options.secrets?.[scheme] ?? asSecretName(`${name}_${scheme}`);
  const operations = chooseOperations(operationsOf(openApi, ''), options.only);
  const prefix = options.prefix ?? '';
  const tools = operations.flatMap((one): ImportedTool[] => {
    const whole = `${prefix}${one.name}`;
    const named = { ...one, name: shortToolName(whole, whole) };
    const tool = toolOf(openApi, named, {
      ...options,
      approval: options.approval ?? true,
      secretName,
    });
    return tool ? [tool] : [];
  });
  for (const [at, tool] of tools.entries()) {
    const first = tools.findIndex((other) => other.name === tool.name);
    if (first === at) continue;
    const other = methodAndPath({ value: {}, pointer: tools[first]?.pointer ?? '' });
    openApi.fault(
      `${tool.pointer}/operationId`,
      `${tool.name} is already the name of ${other}`,
      'Choose one of them with --only.',
    );
  }
  refuseFaults(openApi);
  if (tools.length === 0) refuseNone(openApi);
  const needed = new Map(
    tools.flatMap((tool) => tool.needed).map((one) => [`${one.secret_name} ${one.host}`, one]),
  );
  return {
    document: {
      version: 'v1',
      name,
      ...descriptionOf(openApi),
      tools: Object.fromEntries(tools.map((tool) => [tool.name, tool.entry])),
    },
    notes: openApi.notes,
    secrets: [...needed.values()],
  };
}

function refuseFaults({ name, faults }: OpenApi): void {
  if (faults.length === 0) return;
  const lines = faults.map((fault) => faultLine(name, fault));
  throw new HowdahError('HWINV', `nothing was imported: ${lines.join('\n')}`, {
    hint:
      faults.find(({ hint }) => hint)?.hint ??
      'OpenAPI 3.0 and 3.1 are supported: https://spec.openapis.org/oas/',
    detail: { faults: faults.map((fault) => ({ file: name, ...fault })) },
  });
}

/**
 * Throws when no operation can be a tool. An empty system would be of no use, and with --prune it
 * would remove the tools of an earlier import.
 */
function refuseNone(openApi: OpenApi): void {
  const why = openApi.notes.map((note) => faultLine(openApi.name, { ...note, path: '', code: '' }));
  throw new HowdahError(
    'HWINV',
    ['nothing was imported: no operation can be used as a tool', ...why].join('\n'),
    { hint: 'Put operations under paths, by path and method.', detail: { notes: openApi.notes } },
  );
}

function chooseOperations(
  operations: readonly Operation[],
  only: readonly string[] | undefined,
): Operation[] {
  if (only === undefined) return [...operations];
  const patterns = only.map((text) => ({ text, pattern: patternOf(text) }));
  const names = operations.map(({ name }) => name);
  const strange = patterns.find(({ pattern }) => !names.some((name) => pattern.test(name)));
  if (strange) {
    const nearest = nearestTo(strange.text, names);
    const meant = nearest ? `, did you mean ${nearest}?` : '';
    throw new HowdahError('EUSAGE', `--only ${strange.text}: there is no such operation${meant}`, {
      hint: `There are: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ` and ${names.length - 12} more` : ''}.`,
    });
  }
  return operations.filter(({ name }) => patterns.some(({ pattern }) => pattern.test(name)));
}

function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replace(/[^A-Za-z0-9_]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

function nameOf({ root, name }: OpenApi): string {
  const { title } = (isJsonObject(root.info ?? null) ? root.info : {}) as { title?: unknown };
  const words = normalizeText((typeof title === 'string' ? title : name).toLowerCase(), 'NFKD');
  return (
    words
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 100) || 'api'
  );
}

function descriptionOf({ root }: OpenApi): { description?: string } {
  const { title, version } = (isJsonObject(root.info ?? null) ? root.info : {}) as JsonObject;
  return typeof title === 'string'
    ? { description: `${title} ${String(version ?? '')}`.trim() }
    : {};
}

function asSecretName(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 100);
}
