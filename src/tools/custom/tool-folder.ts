import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CustomTool } from '../../contracts/agents/tool.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { folderChanges } from './folder-changes.ts';
import { toolsOfFile } from './tool-file.ts';

export type ToolFolderOptions = {
  path: string;
  /** Names of tools that are registered elsewhere. */
  taken: readonly string[];
  /** Replaces all tools of the folder, or throws and keeps the tools from before. */
  accept(tools: readonly CustomTool[]): Promise<void>;
  /** Receives one line for each loaded file and for each fault. */
  say(line: string): void;
};

export type ToolFolder = {
  readonly tools: readonly CustomTool[];
  /** Loads all changes. */
  refresh(): Promise<void>;
  /** Loads each change until the signal fires. */
  follow(signal: AbortSignal): Promise<void>;
};

/**
 * A loaded file. `faultyAt` is the modification time of a file that could not be loaded. Saving the
 * file again loads it again, even with the same content.
 */
type Loaded = { digest: string; tools: readonly CustomTool[]; faultyAt?: number };

/**
 * Opens a folder of files that export tools: `.ts`, `.mts`, `.js`, `.mjs`. Declarations, tests and
 * names that begin with `_` or a dot are skipped. A faulty file keeps its previous tools, and its
 * fault is reported once. Throws `HWNTF` when the folder does not exist.
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
      const suffix = before.length > 0 ? '; its previous tools are kept' : '';
      options.say(`${join(options.path, name)}: ${sentence(error)}${suffix}`);
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
      options.say(`${join(options.path, gone)}: was deleted; its tools are removed`);
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
    follow: async (signal) => {
      for await (const _ of folderChanges([{ path: folder }], signal)) await refresh();
    },
  };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => /^[^._].*\.m?[jt]s$/.test(name) && !/\.(d|test|spec)\.m?[jt]s$/.test(name))
      .sort();
  } catch (error) {
    throw new HowdahError('HWNTF', `the folder of tools ${folder} cannot be read`, {
      hint: 'Name a folder with files that export tools. See docs/tools.md for an example.',
      detail: { folder },
      cause: error,
    });
  }
}

/** Returns the digest of a file, or undefined if the file has been deleted meanwhile. */
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
    if (names.includes(name)) throw new Error(`another tool is already named ${name}`);
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

/**
 * Returns how to install a missing package. Node searches for packages from the folder of the file
 * upwards, wherever Howdah is installed.
 */
function missingPackage(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  const name = /^Cannot find package '([^']+)'/.exec(String(message))?.[1];
  return code === 'ERR_MODULE_NOT_FOUND' && name !== undefined
    ? `npm install ${name} in that folder or one above it, and save the file again`
    : undefined;
}
