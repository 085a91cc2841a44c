import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isEntry } from '../../src/package-root.ts';
import { type OpenTab, openList, openRun } from './tabs.ts';

// Open tabs in a process of its own, so that their work does not delay what is measured.

type TabsOptions = {
  url: string;
  /** Number of tabs with the list of runs. */
  lists: number;
  /** The runs whose pages are open. */
  runs: readonly string[];
};

export type OpenTabs = {
  /** Closes the tabs. Returns the number of queries that they sent. */
  close(): Promise<number>;
};

/** Opens tabs. Resolves when each has loaded its page. */
export async function openTabs(options: TabsOptions): Promise<OpenTabs> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)]);
  const exited = new AbortController();
  child.once('exit', () => exited.abort(new Error('the tabs ended before they were open')));
  await once(child, 'message', { signal: exited.signal });
  return {
    async close() {
      child.send('close');
      const [reads] = await once(child, 'message', { signal: exited.signal });
      await once(child, 'exit');
      return reads as number;
    },
  };
}

if (isEntry(import.meta.url)) {
  const { url, lists, runs } = JSON.parse(process.argv[2] ?? '') as TabsOptions;
  const tabs: OpenTab[] = [];
  for (let count = 0; count < lists; count += 1) tabs.push(await openList(url));
  for (const id of runs) tabs.push(await openRun(url, id));
  process.once('disconnect', () => process.exit());
  process.send?.('open');
  await once(process, 'message');
  await Promise.all(tabs.map((tab) => tab.close()));
  process.send?.(
    tabs.reduce((sum, tab) => sum + tab.reads(), 0),
    () => process.exit(),
  );
}
