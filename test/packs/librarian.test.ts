import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../workers/start-worker.ts';
import { callTools, runToEnd } from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { applyPack } from './support.ts';

// The pack librarian: an agent that answers with sources, or says that they do not have the answer.

const database = testDatabase();
const pool = () => database.pool;
let worker: Worker | undefined;
beforeAll(async () => {
  worker = await startTestWorker(database.url);
  expect(await applyPack(database.url, 'librarian')).toMatchObject({ status: 0 });
  await pool().query(
    `insert into howdah.knowledge_bases (name) values ('handbook');
     insert into howdah.documents (knowledge_base_id, title, content)
     values (howdah.knowledge_base('handbook'), 'Refunds', 'Refunds are paid by the desk.'),
       (howdah.knowledge_base('handbook'), 'Desk', 'The desk opens at nine.');
     insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id)
     select howdah.agent('librarian'), id from howdah.knowledge_bases`,
  );
  await eventually(
    pool(),
    'the documents are divided',
    `select from howdah.documents having bool_and(status = 'ready')`,
    [],
  );
});
afterAll(() => worker?.stop(0));

/** Runs the librarian with a model that gives these answers. */
async function askLibrarian(script: object[]) {
  await pool().query(`delete from howdah.agent_models where agent_id = howdah.agent('librarian')`);
  await pool().query(
    `with model as (
       insert into howdah.models (name, provider, model)
       values ('script-' || gen_random_uuid(), 'scripted', 'm') returning id
     )
     insert into howdah.agent_models (agent_id, model_id, position, request_params)
     select howdah.agent('librarian'), m.id, 1, jsonb_build_object('script', $1::jsonb)
     from model as m`,
    [JSON.stringify(script)],
  );
  const { id } = await one(pool(), `select howdah.agent('librarian')::text as id`);
  return runToEnd(pool(), id as string);
}

const search = (query: string) => callTools({ name: 'knowledge_search', arguments: { query } });

test('follows up by a second search, and cites both', async () => {
  const chunks = await all(
    pool(),
    `select format('[^%s]', c.number) as mark from howdah.chunks as c order by c.content desc`,
  );
  const [desk, refunds] = chunks.map(({ mark }) => mark);
  const output = `At the desk ${refunds}, which "opens at nine" ${desk}.`;
  const { id, ...run } = await askLibrarian([
    search('who pays refunds?'),
    search('when does the desk open?'),
    { content: output },
  ]);
  expect(run).toMatchObject({ status: 'completed', output });
  const sources = await all(pool(), 'select title from howdah.sources($1)', [id]);
  expect(sources).toEqual([{ title: 'Refunds' }, { title: 'Desk' }]);
});

test('does not answer from memory', async () => {
  const run = await askLibrarian([{ content: 'Within 30 days.' }, { content: 'I am sure.' }]);
  expect(run).toMatchObject({ status: 'completed', output: 'Not in the sources.' });
});
