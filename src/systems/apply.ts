import { HowdahError } from '../contracts/errors.ts';
import { type ApplyOptions, applyDocument, type Plan } from '../db/access/agent-systems.ts';
import type { Queryable } from '../db/connection/pool.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { omitNulls } from '../json/omit-nulls.ts';
import { parseJson } from '../json/parse-json.ts';
import { type FileReader, localReader } from './file-reader.ts';
import { namedSecrets } from './named-secrets.ts';
import { type PackPart, packSource, readPack } from './pack.ts';
import { type Found, locateFault, type ReadFile, readFileBy } from './read-file.ts';
import type { CheckedDocument } from './schema/check-document.ts';
import { type Fault, faultLine } from './schema/fault.ts';
import { systemFile } from './schema/file-schema.ts';
import { originalPaths } from './schema/salvage-entries.ts';

/**
 * A file: its name in messages and its text. For a pack, the text is the manifest and `parts` are
 * the other files of its folder.
 */
export type SystemFile = { name: string; text: string; parts?: readonly PackPart[] };

/** The result of one file: a plan, or all faults in the order of the text. */
export type Tried = {
  file: SystemFile;
  plan?: Plan;
  faults: (Fault & { file: string })[];
  /**
   * The number of entries of each section. Undefined when the text could not be read or is no
   * system.
   */
  counts: Record<string, number> | undefined;
};

/** A file with all results that need no database. */
export type ReadSystem = { file: SystemFile; read: ReadFile; checked: CheckedDocument };

/** Reads files in order and compares each with the schema. */
export async function readSystems(
  files: readonly SystemFile[],
  reader: FileReader = localReader,
): Promise<ReadSystem[]> {
  const systems: ReadSystem[] = [];
  for (const file of files) systems.push(await readSystem(file, reader));
  return systems;
}

/**
 * Applies the files to the tenant, in the transaction of the client, with its role and rights. All
 * endpoints use this function. Throws one error for all faults of all files (`detail.faults`); the
 * caller then rolls back.
 */
export async function applySystems(
  client: Queryable,
  files: readonly (SystemFile | ReadSystem)[],
  options: ApplyOptions = {},
): Promise<Plan[]> {
  const tried = await trySystems(client, files, options);
  const faults = tried.flatMap((one) => one.faults);
  if (faults.length > 0) throw refusalOf(faults);
  return tried.flatMap(({ plan }) => plan ?? []);
}

/**
 * Applies the files as `applySystems` does and returns the faults of each file instead of throwing.
 * The objects of valid files are visible to the files after them.
 */
export async function trySystems(
  client: Queryable,
  files: readonly (SystemFile | ReadSystem)[],
  options: ApplyOptions = {},
): Promise<Tried[]> {
  const all: Tried[] = [];
  for (const one of files) {
    const system = 'read' in one ? one : await readSystem(one, localReader);
    const { file, read } = system;
    const { plan, faults } = await applyOne(client, system, options);
    const tried = { file, counts: countsOf(read.document) };
    if (plan && all.some((one) => one.plan?.name === plan.name)) {
      const message = `another of these files already describes ${JSON.stringify(plan.name)}`;
      const fault = locateFault(read, { path: '/name', message });
      all.push({ ...tried, faults: inOrder(file.name, [fault]) });
    } else if (plan) all.push({ ...tried, plan, faults: [] });
    else all.push({ ...tried, faults: inOrder(file.name, faults) });
  }
  return all;
}

/** The faults of a file without a database. `secrets` are the secrets that the file names. */
export type FileCheck = Pick<Tried, 'file' | 'faults' | 'counts'> & {
  /** The secrets and the providers of models that the file names. */
  secrets: string[];
  providers: string[];
};

/** Checks the text of a file and compares it with the schema, without a database. */
export async function checkFile(file: SystemFile): Promise<FileCheck> {
  const { read, checked } = await readSystem(file, localReader);
  const isRead = read.faults.length === 0;
  const faults = isRead ? placesOf(read, checked.faults) : read.faults;
  const counts = isRead ? countsOf(read.document) : undefined;
  const document = isRead ? ((read.document ?? null) as Json) : null;
  const names = { secrets: namedSecrets(document), providers: namedProviders(document) };
  return { file, faults: inOrder(file.name, faults), counts, ...names };
}

function namedProviders(document: Json): string[] {
  const models = isJsonObject(document) && isJsonObject(document.models) ? document.models : {};
  return Object.values(models).flatMap((model) =>
    isJsonObject(model) && typeof model.provider === 'string' ? [model.provider] : [],
  );
}

async function readSystem(file: SystemFile, reader: FileReader): Promise<ReadSystem> {
  const { name, text, parts } = file;
  const manifest = await readFileBy(reader, text, { isJson: /\.json$/i.test(name), name });
  const whole = parts ? await readPack(reader, text, manifest, parts) : manifest;
  const isRead = whole.faults.length === 0;
  // an empty value, as in `description:`, is null
  const read = isRead ? { ...whole, document: omitNulls(systemFile, whole.document) } : whole;
  const checked = isRead ? await reader.checkDocument(name, read.document) : { faults: [] };
  return { file, read, checked };
}

function countsOf(document: unknown): Record<string, number> | undefined {
  if (!isJsonObject((document ?? null) as Json)) return undefined;
  return Object.fromEntries(
    Object.entries(document as JsonObject).flatMap(([section, entries]) =>
      isJsonObject(entries) ? [[section, Object.keys(entries).length]] : [],
    ),
  );
}

type Applied = { plan?: Plan; faults: Fault[] };

async function applyOne(
  client: Queryable,
  { file: { text, parts }, read, checked }: ReadSystem,
  applyOptions: ApplyOptions,
): Promise<Applied> {
  if (read.faults.length > 0) return { faults: read.faults };
  const options = { ...applyOptions, waitsForSecrets: parts !== undefined };
  const source = packSource(text, parts ?? []);
  if (checked.faults.length === 0) {
    const tried = await attempt(client, { document: read.document, source }, options);
    return 'plan' in tried ? { ...tried, faults: [] } : { faults: placesOf(read, tried.found) };
  }
  if (!checked.rest) return { faults: placesOf(read, checked.faults) };
  // unknown names, and values that the database rejects, are reported for all valid parts too
  const { document } = checked.rest;
  const original = originalPaths(checked.rest, checked.faults);
  const rest = await attempt(client, { document, source }, { ...options, dryRun: true });
  const found = 'found' in rest ? rest.found : [];
  const others = found.flatMap((fault): Found[] => {
    const path = fault.line === undefined ? original(fault) : fault.path;
    return path === undefined ? [] : [{ ...fault, path }];
  });
  return { faults: placesOf(read, [...checked.faults, ...others]) };
}

/** Reports a key at its field, or else at its line. */
function placesOf(read: ReadFile, found: readonly Found[]): Fault[] {
  const isOfLine = (fault: Found) => fault.line !== undefined;
  const faults = found.filter((one) => !isOfLine(one)).map((one) => locateFault(read, one));
  const keyFaults = faults.filter(({ message }) => /must not contain keys/.test(message));
  const others = found.filter(
    (one) => isOfLine(one) && !keyFaults.some(({ line }) => line === one.line),
  );
  return [...faults, ...others.map((one) => locateFault(read, one))];
}

/** Applies one file in a savepoint, so that a rejected file does not stop the check of the next. */
async function attempt(
  client: Queryable,
  file: { document: unknown; source: string },
  options: ApplyOptions,
): Promise<{ plan: Plan } | { found: Found[] }> {
  await client.query('savepoint apply_agent_system');
  try {
    const plan = await applyDocument(client, file, options);
    await client.query('release savepoint apply_agent_system');
    return { plan };
  } catch (error) {
    await client.query('rollback to savepoint apply_agent_system');
    const found = faultsIn(error);
    if (!found) throw error;
    return { found };
  }
}

function faultsIn(error: unknown): Found[] | undefined {
  const { code, detail } = error as { code?: string; detail?: string };
  if (!code?.startsWith('HW') || !detail?.includes('"faults"')) return undefined;
  return (parseJson(detail) as { faults: Found[] }).faults;
}

function inOrder(file: string, faults: readonly Fault[]): Tried['faults'] {
  return faults
    .map((fault) => ({ ...fault, file: fault.file ?? file }))
    .toSorted((a, b) =>
      a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
    );
}

/**
 * Returns the error for the faults of all files. With several hints, each stands below the first
 * fault that it is for.
 */
function refusalOf(faults: Tried['faults']): HowdahError {
  const codes = new Set(faults.map(({ code }) => code));
  const [only = 'HWINV'] = codes;
  const code = codes.has('HWDEN') ? 'HWDEN' : codes.size === 1 ? only : 'HWINV';
  const hints = new Set(faults.flatMap(({ hint }) => hint ?? []));
  const [hint = FORMAT_HINT] = hints;
  const shown = new Set<string>();
  const lines = faults.map((fault) => {
    const line = faultLine(fault.file, fault);
    if (hints.size < 2 || fault.hint === undefined || shown.has(fault.hint)) return line;
    shown.add(fault.hint);
    return `${line}\n  ${fault.hint}`;
  });
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  return new HowdahError(code, `nothing was applied: ${count}\n${lines.join('\n')}`, {
    hint: hints.size < 2 ? hint : FORMAT_HINT,
    detail: { faults },
  });
}

const FORMAT_HINT = 'See docs/files.md for the format of files.';
