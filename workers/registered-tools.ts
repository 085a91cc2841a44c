import type { CustomTool } from '../src/contracts/agents/tool.ts';
import { HowdahError } from '../src/contracts/errors.ts';
import { createPool } from '../src/db/connection/pool.ts';
import { namesOfOthers, syncCustomTools } from '../src/db/worker/sync-environment.ts';
import { openToolFolder } from '../src/tools/custom/tool-folder.ts';
import type { Worker } from './start-worker.ts';

/** The sources of a worker's tools in TypeScript. */
export type ToolSources = {
  tools?: readonly CustomTool[];
  /** A folder of files that export tools. With `watch`, changed files are loaded again. */
  toolFolder?: { path: string; watch: boolean };
};

/** The tools of a worker: those of the program, and the current tools of its folder. */
export type RegisteredTools = {
  all(): readonly CustomTool[];
  follow(worker: Worker): void;
  close(): void;
};

/**
 * Opens the tools of a worker. Their rows are written before a run can call them. `talk` receives a
 * line for each loaded tool file and for each problem with a file.
 */
export async function openTools(
  url: string,
  { tools = [], toolFolder }: ToolSources,
  talk: (line: string) => void,
): Promise<RegisteredTools> {
  let worker: Worker | undefined;
  const folder = toolFolder
    ? await openToolFolder({
        path: toolFolder.path,
        taken: tools.map(({ name }) => name),
        say: talk,
        accept: async (inFolder) => {
          await writeTools(url, inFolder);
          worker?.replaceTools([...tools, ...inFolder]);
        },
      })
    : undefined;
  const end = new AbortController();
  return {
    all: () => [...tools, ...(folder?.tools ?? [])],
    follow: (started) => {
      worker = started;
      if (!folder || !toolFolder?.watch) return;
      folder.follow(end.signal).catch((error) => {
        talk(`${toolFolder.path} is no longer watched: ${error.message}`);
      });
    },
    close: () => end.abort(),
  };
}

async function writeTools(url: string, tools: readonly CustomTool[]): Promise<void> {
  const own = createPool({ url, applicationName: 'howdah-start', max: 1 });
  const worker = createPool({
    url,
    applicationName: 'howdah-start',
    role: 'howdah_worker',
    max: 1,
  });
  try {
    const names = tools.map(({ name }) => name);
    const [taken] = await namesOfOthers(own, names);
    if (taken !== undefined) {
      throw new HowdahError('HWCNF', `${taken} is already the name of a tool in the database`, {
        hint: 'Give the tool in the folder another name.',
      });
    }
    await syncCustomTools(worker, tools);
  } finally {
    await Promise.all([own.end(), worker.end()]);
  }
}
