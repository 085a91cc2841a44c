import { createHash } from 'node:crypto';
import { readdir, readFile, stat, watch } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CustomTool } from '../../contracts/agents/tool.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { toolsOfFile } from './tool-file.ts';

/** An editor may write a file in several pieces, or put another in its place. */
const SETTLED_MS = 50;

export type ToolFolderOptions = {
  path: string;
  /** Names that are taken by tools registered otherwise. */
  taken: readonly string[];
  /** Takes over all tools of the folder, or throws and keeps those before. */
  accept(tools: readonly CustomTool[]): Promise<void>;
  /** Is told what was loaded and what is wrong, a line each. */
  say(line: string): void;
};

export type ToolFolder = {
  readonly tools: readonly CustomTool[];
  /** Loads what changed since. */
  refresh(): Promise<void>;
  /** Does so at every change, until the signal. */
  follow(signal: AbortSignal): Promise<void>;
};

/** `faultyAt`: when a file was written that could not be loaded; saved again it may be, though it is the same. */
type Loaded = { digest: string; tools: readonly CustomTool[]; faultyAt?: number };

/**
 * The tools that the files of a folder export: `.ts`, `.mts`, `.js`, `.mjs`, but no declarations, no tests and nothing that
 * begins with `_` or a dot. A file that is faulty keeps the tools it had, and its fault is said once. Throws `HWNTF` when there
 * is no such folder.
 */
export async function openToolFolder(options: ToolFolderOptions): Promise<ToolFolder> {
  const folder = resolve(options.path);
  const files = new Map<string, Loaded>();
  const allBut = (but?: string): CustomTool[] =>
    [...files].filter(([name]) => name !== but).flatMap(([, { tools }]) => tools);

  const load = async (name: string, digest: string): Promise<void> => {
    const before = files.get(name)?.tools ?? [];
    try {
      const tools = await toolsOfFile(join(folder, name));
      refuseDoubles(tools, [...options.taken, ...allBut(name).map((tool) => tool.name)]);
      await options.accept([...allBut(name), ...tools]);
      files.set(name, { digest, tools });
      options.say(`${join(options.path, name)}: ${tools.map((tool) => tool.name).join(', ')}`);
    } catch (error) {
      files.set(name, { digest, tools: before, faultyAt: await writtenAt(join(folder, name)) });
      const kept = before.length > 0 ? '; what it had before is kept' : '';
      options.say(`${join(options.path, name)}: ${sentence(error)}${kept}`);
    }
  };

  const isNew = async (name: string, digest: string): Promise<boolean> => {
    const { digest: before, faultyAt } = files.get(name) ?? {};
    if (digest !== before) return true;
    return faultyAt !== undefined && faultyAt !== (await writtenAt(join(folder, name)));
  };

  const refresh = async (): Promise<void> => {
    const names = await namesIn(folder);
    for (const gone of [...files.keys()].filter((name) => !names.includes(name))) {
      files.delete(gone);
      await options.accept(allBut());
      options.say(`${join(options.path, gone)}: is gone, and its tools with it`);
    }
    for (const name of names) {
      const digest = await digestOf(join(folder, name));
      if (digest !== undefined && (await isNew(name, digest))) await load(name, digest);
    }
  };

  await refresh();
  return {
    get tools() {
      return allBut();
    },
    refresh,
    follow: (signal) => follow(folder, refresh, signal),
  };
}

/** Changes that come while one is loaded are seen by the next round, which compares contents. */
async function follow(folder: string, refresh: () => Promise<void>, signal: AbortSignal) {
  let wake = (): void => {};
  const ended = (async () => {
    try {
      for await (const _ of watch(folder, { signal })) wake();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  })();
  ended.catch(() => {}); // told below
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await refresh();
    await Promise.race([woken, ended]);
    await pause(SETTLED_MS, undefined, { signal }).catch(() => {});
  }
  await ended;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /^[^._].*\.m?[jt]s$/.test(name) && !/\.(d|test|spec)\.m?[jt]s$/.test(name))
      .sort();
  } catch (error) {
    throw new HowdahError('HWNTF', `the folder of tools ${folder} cannot be read`, {
      hint: 'Name a folder with files that export tools: docs/tools.md has one.',
      detail: { folder },
      cause: error,
    });
  }
}

/** Undefined when the file has gone meanwhile. */
async function digestOf(path: string): Promise<string | undefined> {
  const content = await readFile(path).catch(() => undefined);
  return content && createHash('sha256').update(content).digest('hex').slice(0, 16);
}

async function writtenAt(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

function refuseDoubles(tools: readonly CustomTool[], taken: readonly string[]): void {
  const names = [...taken];
  for (const { name } of tools) {
    if (names.includes(name)) throw new Error(`there is another tool named ${name}`);
    names.push(name);
  }
}

function sentence(error: unknown): string {
  const { message, hint = missingPackage(error) } = error as Partial<HowdahError>;
  const said = String(message ?? error)
    .trim()
    .replace(/\s*\n\s*/g, ' ');
  return hint ? `${said} (${hint})` : said;
}

/** What a file imports is looked for from its own folder upwards, wherever Howdah is installed. */
function missingPackage(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  const name = /^Cannot find package '([^']+)'/.exec(String(message))?.[1];
  return code === 'ERR_MODULE_NOT_FOUND' && name !== undefined
    ? `npm install ${name} in that folder or one above it, and save the file again`
    : undefined;
}
