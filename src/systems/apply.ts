import { HowdahError } from '../contracts/errors.ts';
import type { JsonObject } from '../contracts/json.ts';
import { type ApplyOptions, applyDocument, type Client, type Plan } from '../db/agent-systems.ts';
import { type Fault, faultLine, toPointer } from './fault.ts';
import { type Found, placed, type ReadFile, readFile } from './read-file.ts';
import { type ShapeFault, shapeFaults } from './shape.ts';

/** A file by what it is called in messages, and its text. */
export type SystemFile = { name: string; text: string };

/**
 * Makes the tenant have what the files describe, in the transaction the client is in, with its role and rights: every door
 * goes through here. Throws one error for all faults of all files (`detail.faults`), and then the caller rolls back.
 */
export async function applySystems(
  client: Client,
  files: readonly SystemFile[],
  options: ApplyOptions = {},
): Promise<Plan[]> {
  const plans: Plan[] = [];
  const refused: { file: string; faults: Fault[] }[] = [];
  for (const file of files) {
    const read = readFile(file.text, { isJson: /\.json$/i.test(file.name) });
    const { plan, faults } = await applyOne(client, file, read, options);
    if (plan && plans.some(({ name }) => name === plan.name)) {
      const message = `another of these files describes ${JSON.stringify(plan.name)} already`;
      refused.push({ file: file.name, faults: [placed(read, { path: '/name', message })] });
    } else if (plan) plans.push(plan);
    else refused.push({ file: file.name, faults });
  }
  if (refused.length > 0) throw refusalOf(refused);
  return plans;
}

type Applied = { plan?: Plan; faults: Fault[] };

async function applyOne(
  client: Client,
  { text }: SystemFile,
  read: ReadFile,
  options: ApplyOptions,
): Promise<Applied> {
  if (read.faults.length > 0) return { faults: read.faults };
  const shape = shapeFaults(read.document);
  if (shape.length === 0)
    return attempt(client, read, { document: read.document, source: text }, options);
  // what names nothing is told of too, of all that is well-formed
  const rest = await attempt(
    client,
    read,
    { document: wellFormed(read.document, shape) },
    { dryRun: true },
  ).catch((): Applied => ({ faults: [] }));
  const known = shape.map(({ path }) => entryOf(path));
  const others = rest.faults.filter(({ path }) => !known.includes(entryOf(path)));
  return { faults: [...shape.map((fault) => placed(read, fault)), ...others] };
}

/** In a savepoint: what one file was refused for does not keep the next from being looked at. */
async function attempt(
  client: Client,
  read: ReadFile,
  file: { document: unknown; source?: string },
  options: ApplyOptions,
): Promise<Applied> {
  await client.query('savepoint apply_agent_system');
  try {
    const plan = await applyDocument(client, file, options);
    await client.query('release savepoint apply_agent_system');
    return { plan, faults: [] };
  } catch (error) {
    await client.query('rollback to savepoint apply_agent_system');
    const faults = faultsIn(error);
    if (!faults) throw error;
    return { faults: faults.map((fault) => placed(read, fault)) };
  }
}

function faultsIn(error: unknown): Found[] | undefined {
  const { code, detail } = error as { code?: string; detail?: string };
  if (!code?.startsWith('HW') || !detail?.includes('"faults"')) return undefined;
  return (JSON.parse(detail) as { faults: Found[] }).faults;
}

const LEAST: Record<string, JsonObject> = {
  models: { provider: 'local', model: 'extractive' },
  tools: { kind: 'custom' },
  prompts: { template: 'any' },
  skills: { description: 'any', content: 'any' },
  agents: {},
  workflows: { type: 'chain', members: [] },
};

/** The document with the least of an entry in the place of each that is none, so that others may name it. */
function wellFormed(document: unknown, faults: readonly ShapeFault[]): JsonObject {
  const all = typeof document === 'object' && document !== null ? (document as JsonObject) : {};
  const copy: JsonObject = {
    version: 'v1',
    name: typeof all.name === 'string' && all.name !== '' ? all.name : 'unnamed',
  };
  if (typeof all.orchestrator === 'string' && all.orchestrator !== '')
    copy.orchestrator = all.orchestrator;
  const bad = new Set(faults.map(({ path }) => entryOf(path)));
  for (const [section, least] of Object.entries(LEAST)) {
    const entries = all[section];
    if (
      typeof entries !== 'object' ||
      entries === null ||
      Array.isArray(entries) ||
      bad.has(`/${section}`)
    )
      continue;
    const isName = (name: string) =>
      !faults.some(({ path, isKey }) => isKey && path === toPointer([section, name]));
    copy[section] = Object.fromEntries(
      Object.entries(entries)
        .filter(([name]) => isName(name))
        .map(([name, entry]) => [name, bad.has(toPointer([section, name])) ? least : entry]),
    );
  }
  return copy;
}

/** `/agents/desk` of everything below it. */
function entryOf(pointer: string): string {
  return pointer.split('/').slice(0, 3).join('/');
}

function refusalOf(refused: readonly { file: string; faults: Fault[] }[]): HowdahError {
  const faults = refused.flatMap(({ file, faults }) =>
    faults
      .toSorted((a, b) => a.line - b.line || a.column - b.column)
      .map((fault) => ({ file, ...fault })),
  );
  const codes = new Set(faults.map(({ code }) => code));
  const [only = 'HWINV'] = codes;
  const code = codes.has('HWDEN') ? 'HWDEN' : codes.size === 1 ? only : 'HWINV';
  const lines = faults.map((fault) => faultLine(fault.file, fault));
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  return new HowdahError(code, `nothing was applied: ${count}\n${lines.join('\n')}`, {
    hint: faults.find(({ hint }) => hint)?.hint ?? 'docs/files.md says what may stand in a file.',
    detail: { faults },
  });
}
