import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Operation } from '../../src/console/server/operation.ts';
import {
  agentNames,
  loginCheck,
  openQuestions,
  questionsFeed,
  runEvents,
  runPage,
  runSteps,
  runs,
  runsFeed,
  runTree,
  stepsAfter,
} from '../../src/console/server/operations.generated.ts';

/** Times in which a page of a run gathers news before it reads them: the first, and the next. */
const GATHER_MS = 20;
const PAUSE_MS = 250;
/** Least time between two readings of the run itself, whose steps alone change. */
const SUMS_PAUSE_MS = 1_000;
const PAGE = 50;

/** An open tab without a browser. It sends the operations of the console. */
export type OpenTab = { reads(): number; close(): Promise<void> };

/** Opens the list of runs: it is loaded once, and then followed. */
export async function openList(url: string): Promise<OpenTab> {
  const tab = await connect(url);
  await tab.read(agentNames, {});
  await tab.read(runs, {
    filter: { parentExecutionId: { isNull: true } },
    first: PAGE,
    after: null,
    withInput: true,
  });
  tab.follow(runsFeed, { filter: { isRoot: true }, first: PAGE, withInput: true }, () => {});
  return tab;
}

/**
 * Opens the page of a run without child runs. After news it reads the newer steps, and the run
 * itself less often.
 */
export async function openRun(url: string, id: string): Promise<OpenTab> {
  const tab = await connect(url);
  const tree = { root: id, id, isBelow: false, first: 200 };
  await Promise.all([tab.read(runPage, { id }), tab.read(runTree, tree)]);
  const { executions } = await tab.read(runSteps, { ids: [id], first: 1_000 });
  let last = Math.max(
    0,
    ...(executions?.nodes[0]?.timeline.nodes ?? []).map((one) => one?.seq ?? 0),
  );
  let isGathering = false;
  let lastReadAt = Number.NEGATIVE_INFINITY;
  let sumsReadAt = Number.NEGATIVE_INFINITY;
  const readSums = async (): Promise<void> => {
    if (performance.now() - sumsReadAt < SUMS_PAUSE_MS) return;
    sumsReadAt = performance.now();
    await tab.read(runPage, { id });
  };
  const readNews = async (): Promise<void> => {
    await sleep(Math.max(GATHER_MS, lastReadAt + PAUSE_MS - performance.now()));
    lastReadAt = performance.now();
    isGathering = false;
    const [{ executionTimelines }] = await Promise.all([
      tab.read(stepsAfter, { id, after: last, first: 1_000 }),
      readSums(),
    ]);
    last = Math.max(last, ...(executionTimelines?.nodes ?? []).map((one) => one?.seq ?? 0));
  };
  tab.follow(runEvents, { id, after: null }, () => {
    if (isGathering || tab.isClosed()) return;
    isGathering = true;
    void readNews().catch(() => {}); // the tab was closed meanwhile
  });
  return tab;
}

/** Opens what all places have: the person, the open questions, and one socket. */
async function connect(url: string) {
  let reads = 0;
  const closed = new AbortController();
  const socket = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
  });
  const tab = {
    reads: () => reads,
    isClosed: () => closed.signal.aborted,
    async close() {
      closed.abort();
      await socket.dispose();
    },
    async read<Result, Variables>(
      { text }: Operation<Result, Variables>,
      variables: Variables,
    ): Promise<Result> {
      reads += 1;
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: text, variables }),
        signal: closed.signal,
      });
      const { data, errors } = (await response.json()) as {
        data?: Result;
        errors?: { message: string }[];
      };
      if (!data || errors) throw new Error(`the API refused a query: ${errors?.[0]?.message}`);
      return data;
    },
    follow<Result, Variables extends object>(
      { text }: Operation<Result, Variables>,
      variables: Variables,
      onEvent: () => void,
    ): void {
      socket.subscribe(
        { query: text, variables: variables as Record<string, unknown> },
        { next: onEvent, error: () => {}, complete: () => {} },
      );
    },
  };
  await tab.read(loginCheck, {});
  await tab.read(openQuestions, { first: 100 });
  tab.follow(questionsFeed, { first: 100 }, () => {});
  return tab;
}
