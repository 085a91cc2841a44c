import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeAgentTree, type TreeAgents } from '../../api/trees/agent-tree.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startCli } from '../run-cli.ts';

// howdah chat --tree, on a database and on a server.

const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agentNames: TreeAgents;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  agentNames = await makeAgentTree(db.pool);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

/** Sends a message, and answers the question of the helper. */
async function runChat(url: string, ...more: string[]) {
  const cli = startCli(url, 'chat', agentNames.boss, '--tree', ...more);
  for (const line of ['Where is my parcel?', 'The blue one.']) cli.type(line);
  return cli.end();
}

/** Removes what differs between any two runs. */
const plain = (text: string) =>
  text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/ +\d+ ms/g, ' MS')
    .replaceAll(/[\d.]+ s$/gm, 'S');

test('shows the runs below, indented by their depth, over a database and a server alike', async () => {
  const here = await runChat(db.url);
  expect(here).toMatchObject({
    status: 0,
    stdout: 'Which parcel?\nYour parcel comes tomorrow.\n',
  });
  const lines = here.stderr.split('\n');
  const of = (agent: string) => lines.filter((one) => one.trimStart().startsWith(agent));
  expect(of(agentNames.worker).length).toBeGreaterThan(5);
  expect(of(agentNames.worker).every((one) => /^ {2}\S/.test(one))).toBe(true);
  expect(of(agentNames.helper).every((one) => /^ {4}\S/.test(one))).toBe(true);
  const at = (text: string) => lines.findIndex((one) => one.includes(text));
  expect(at('I delegate.')).toBeLessThan(at('I ask the helper.'));
  expect(at('I ask the helper.')).toBeLessThan(at('I must ask.'));
  expect(lines.filter((one) => one.includes('The blue parcel comes tomorrow.'))).not.toEqual([]);
  const there = await runChat(UNREACHABLE_URL, '--api', api.url);
  expect(plain(there.stdout)).toBe(plain(here.stdout));
  expect(plain(there.stderr)).toBe(plain(here.stderr));
});

test('prints each step once with the path of its run for programs', async () => {
  const stepsOf = ({ stdout }: { stdout: string }) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === 'step' || type === 'end');
  const here = stepsOf(await runChat(db.url, '--json'));
  const keys = here.map(({ type, execution_id, id, seq }) =>
    [type, execution_id ?? id, seq].join(),
  );
  expect(new Set(keys).size).toBe(keys.length);
  expect(new Set(here.map(({ path }) => path.length))).toEqual(new Set([1, 2, 3]));
  const there = stepsOf(await runChat(UNREACHABLE_URL, '--json', '--api', api.url));
  const placeOf = ({ type, seq, kind, path, agent, status }: Record<string, unknown>) => ({
    ...{ type, seq, kind, agent, status },
    depth: (path as unknown[]).length,
  });
  const places = (items: Record<string, unknown>[]) =>
    items.map((item) => placeOf(item)).map((place) => ({ ...place, agent: String(place.agent) }));
  expect(places(there).filter(({ type }) => type === 'step')).toEqual(
    places(here).filter(({ type }) => type === 'step'),
  );
  expect(there.filter(({ type }) => type === 'end')).toHaveLength(
    here.filter(({ type }) => type === 'end').length,
  );
});
