import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  answer,
  type CommitRow,
  claim,
  commitAsIs,
  isBlocked,
  makeAgent,
  makeRuns,
  makeWorker,
  openSession,
  spawn,
  testClient,
} from '../support.ts';

describe('a batch of commits locks heads in the order of ids', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const plain = (id: string): CommitRow => ({ id, fence: 1, after: 0, steps: [answer] });

  /**
   * Sends a batch of commits while another session has locked the head of the first run. The
   * session then locks the other heads from the last to the first. If the batch had locked one of
   * them, both would wait for each other.
   */
  const commitBehind = async (ids: string[], commits: CommitRow[]): Promise<unknown[]> => {
    const holder = await testClient(db.pool);
    await holder.query(`begin; set local lock_timeout = '20s'`);
    const lock = (id: string | undefined) =>
      holder.query(
        'select from howdah_private.run_heads where execution_id = $1 for no key update',
        [id],
      );
    await lock(ids[0]);
    const committer = await openSession(db.url);
    const results = commitAsIs(committer, worker, commits);
    const isDone = results.then(
      () => undefined,
      () => undefined,
    );
    await isBlocked(db.pool, committer);
    for (const id of ids.slice(1).toReversed()) await lock(id);
    await holder.query('commit');
    await isDone;
    await committer.end();
    return (await results).map(({ outcome }) => outcome);
  };

  test('for plain runs, whatever their order on disk', async () => {
    const ids = await makeRuns(db.pool, 40, { agent_id: agent });
    for (const id of ids.toReversed()) await claim(db.pool, worker, [id]);
    expect(new Set(await commitBehind(ids, ids.map(plain)))).toEqual(new Set(['committed']));
  });

  test('for plain runs and for children whose parents another worker owns', async () => {
    const other = await makeWorker(db.pool);
    const ids = await makeRuns(db.pool, 40, { agent_id: agent });
    const isParent = (_: string, index: number) => index % 2 === 0;
    const parents = ids.filter(isParent);
    const roots = ids.filter((id, index) => !isParent(id, index));
    await claim(db.pool, other, parents);
    const children: string[] = [];
    for (const id of parents.toReversed()) {
      children.push(await spawn(db.pool, other, { id, fence: 1, after: 0 }, agent));
    }
    await claim(db.pool, worker, [...children, ...roots]);
    const commits = [...roots.map(plain), ...children.map((id) => ({ ...plain(id), more: true }))];
    expect(new Set(await commitBehind(ids, commits))).toEqual(new Set(['committed']));
  });
});
