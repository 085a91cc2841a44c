import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { citationFault } from '../../src/runtime/strategies/citations.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { callTools, makeAgent, runToEnd } from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

// Answers that cite what the tool knowledge_search has returned.

const KNOWLEDGE = readFileSync(join(import.meta.dirname, '../../docs/knowledge.md'), 'utf8');

const database = testDatabase();
const pool = () => database.pool;
let worker: Worker | undefined;
let refunds = '';
let salaries = '';

async function untilDivided(): Promise<void> {
  await eventually(
    pool(),
    'the documents are divided',
    `select from howdah.documents having bool_and(status = 'ready')`,
    [],
  );
}

const numberOf = async (title: string) =>
  (
    await one(
      pool(),
      `select c.number::text as number from howdah.chunks as c
       join howdah.documents as d on d.id = c.document_id where d.title = $1`,
      [title],
    )
  ).number;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await pool().query(
    `insert into howdah.knowledge_bases (name) values ('handbook'), ('private');
     insert into howdah.documents (knowledge_base_id, title, content) values
       (howdah.knowledge_base('handbook'), 'Refunds', E'A refund is possible\nwithin 30 days.'),
       (howdah.knowledge_base('handbook'), 'Receipts', 'A refund needs a receipt.'),
       (howdah.knowledge_base('private'), 'Salaries', 'The refund of salaries is secret.')`,
  );
  await untilDivided();
  [refunds, salaries] = await Promise.all([numberOf('Refunds'), numberOf('Salaries')]);
});
afterAll(() => worker?.stop(0));

const SEARCH = callTools({ name: 'knowledge_search', arguments: { query: 'refund' } });

/** Runs an agent that searches once and then gives these answers, until one ends the run. */
async function answer(citations: 'optional' | 'required', ...answers: string[]) {
  const script = [SEARCH, ...answers.map((content) => ({ content }))];
  const agent = await makeAgent(pool(), { script, tools: ['knowledge_search'] });
  await pool().query(
    `with bases as (
       insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id)
       values ($1, howdah.knowledge_base('handbook'))
     )
     update howdah.agent_tools set configuration = jsonb_build_object('citations', $2::text)
     where agent_id = $1`,
    [agent, citations],
  );
  return runToEnd(pool(), agent);
}

const citationsOf = (id: string) =>
  all(
    pool(),
    `select c.start_offset, c.end_offset, r.chunk_number::text as number, c.message_seq, c.step_seq,
       substr(e.output, c.start_offset + 1, c.end_offset - c.start_offset) as text
     from howdah.citations as c
     join howdah.search_results as r using (execution_id, step_seq, rank)
     join howdah.executions as e on e.id = c.execution_id
     where c.execution_id = $1 order by c.start_offset`,
    [id],
  );

const guardsOf = (id: string) =>
  all(
    pool(),
    `select output ->> 'message' as message from howdah.steps
     where execution_id = $1 and kind = 'guard' and name = 'citations' order by seq`,
    [id],
  );

test('a search is recorded with what it returned, in the step of the call', async () => {
  const { id } = await answer('optional', 'done');
  const [search] = await all(
    pool(),
    `select s.mode, s.step_seq, cardinality(s.knowledge_base_ids) as bases,
       t.name, t.input ->> 'query' as query, jsonb_array_length(t.output -> 'chunks') as chunks,
       (select count(*)::int from howdah.search_results as r
         where r.execution_id = s.execution_id and r.step_seq = s.step_seq) as results
     from howdah.searches as s
     join howdah.steps as t on t.execution_id = s.execution_id and t.seq = s.step_seq
     where s.execution_id = $1`,
    [id],
  );
  expect(search).toMatchObject({
    ...{ mode: 'text', bases: 1, name: 'knowledge_search', query: 'refund' },
    ...{ chunks: 2, results: 2 },
  });
  expect(await citationsOf(id)).toEqual([]);
});

test('citations are recorded with the answer, with offsets and the quote', async () => {
  const output = `Yes: “possible within 30 days” [^${refunds}]. Also [^${refunds}] and [^${salaries}].`;
  const run = await answer('optional', output);
  expect(run).toMatchObject({ status: 'completed', output });
  const found = await citationsOf(run.id);
  expect(found.map(({ text, number }) => [text, number])).toEqual([
    [`“possible within 30 days” [^${refunds}]`, refunds],
    [`[^${refunds}]`, refunds],
  ]);
  const sources = await all(
    pool(),
    `select m.kind, m.tool, m.chunk_number::text as number, m.start_offset, l.content
     from howdah.message_sources as m
     join howdah.messages as l on l.execution_id = m.execution_id and l.seq = m.seq
     where m.execution_id = $1 and m.kind = 'citation' order by m.start_offset`,
    [run.id],
  );
  expect(sources).toMatchObject(
    found.map(({ start_offset }) => ({
      ...{ kind: 'citation', tool: 'knowledge_search', number: refunds },
      ...{ start_offset, content: output },
    })),
  );
});

test.each([
  ['without a citation', () => 'Within 30 days.', 'it has no citation'],
  [
    'with a chunk that was not retrieved',
    () => `It is secret [^${salaries}].`,
    'no search of yours has returned [^',
  ],
  [
    'with a quote that the chunk does not have',
    () => `It says "within 60 days" [^${refunds}].`,
    'does not have the text "within 60 days"',
  ],
])('an answer %s is repaired once', async (_what, bad, reason) => {
  const good = `Within 30 days [^${refunds}].`;
  const run = await answer('required', bad(), good);
  expect(run).toMatchObject({ status: 'completed', output: good });
  expect(await guardsOf(run.id)).toMatchObject([{ message: expect.stringContaining(reason) }]);
  expect(await citationsOf(run.id)).toHaveLength(1);
});

test('after a second answer without a valid citation, the answer is not in the sources', async () => {
  const run = await answer('required', 'Within 60 days.', 'Surely within 60 days.', 'not called');
  expect(run).toMatchObject({ status: 'completed', output: 'Not in the sources.' });
  expect(await citationsOf(run.id)).toEqual([]);
  const said = await all(
    pool(),
    `select content from howdah.messages where execution_id = $1 and role = 'assistant'
     order by seq desc limit 1`,
    [run.id],
  );
  expect(said).toEqual([{ content: 'Not in the sources.' }]);
});

test('an agent may say at once that the sources do not have it', async () => {
  const run = await answer('required', 'Not in the sources.');
  expect(run).toMatchObject({ status: 'completed', output: 'Not in the sources.' });
  expect(await guardsOf(run.id)).toEqual([]);
});

test('answers whose cited text changed or went are stale, and others are not', async () => {
  const stale = (id: string) =>
    all(pool(), 'select title, reason from howdah.stale_answers where execution_id = $1', [id]);
  await pool().query(
    `insert into howdah.documents (knowledge_base_id, title, content)
     values (howdah.knowledge_base('handbook'), 'Deadlines', 'A refund has deadlines.')`,
  );
  await untilDivided();
  const run = await answer('required', `See [^${await numberOf('Deadlines')}].`);
  expect(run.output).toContain('See');
  expect(await stale(run.id)).toEqual([]);
  await pool().query(`update howdah.documents set title = 'Terms' where title = 'Deadlines'`);
  await untilDivided();
  expect(await stale(run.id)).toEqual([]); // the text is the same
  await pool().query(
    `update howdah.documents set content = 'No refund has a deadline.' where title = 'Terms'`,
  );
  await untilDivided();
  expect(await stale(run.id)).toEqual([{ title: 'Terms', reason: 'changed' }]);
  await pool().query(`delete from howdah.documents where title = 'Terms'`);
  expect(await stale(run.id)).toEqual([{ title: null, reason: 'deleted' }]);
});

test('the statement of docs/knowledge.md answers a stale question again, once', async () => {
  const [again = ''] =
    /^insert into howdah\.executions[^;]*'answers_again'[^;]*;/m.exec(KNOWLEDGE) ?? [];
  await pool().query(
    `insert into howdah.documents (knowledge_base_id, title, content)
     values (howdah.knowledge_base('handbook'), 'Fees', 'A refund has a fee.')`,
  );
  await untilDivided();
  const run = await answer('required', `It has a fee [^${await numberOf('Fees')}].`);
  await pool().query(`delete from howdah.documents where title = 'Fees'`);
  await pool().query(again);
  await pool().query(again);
  const started = await all(
    pool(),
    `select e.input, e.agent_id = o.agent_id as is_same_agent
     from howdah.executions as e join howdah.executions as o on o.id = $1
     where e.metadata @> jsonb_build_object('answers_again', o.id)`,
    [run.id],
  );
  const { input } = await one(pool(), 'select input from howdah.executions where id = $1', [
    run.id,
  ]);
  expect(started).toEqual([{ input, is_same_agent: true }]);
});

test('a grader compares the cited documents with the expected ones', async () => {
  const receipts = await numberOf('Receipts');
  const one = await answer('optional', `Within 30 days [^${refunds}].`);
  const both = await answer(
    'optional',
    `Within 30 days [^${refunds}], with receipt [^${receipts}].`,
  );
  const wrong = await answer('optional', `Within 30 days [^${refunds}], secretly [^${salaries}].`);
  const none = await answer('optional', 'Within 30 days.');
  const { rows } = await pool().query(`select id from howdah.documents where title = 'Refunds'`);
  const expected = [
    [one, null, {}, 1],
    [none, null, {}, 0],
    [wrong, null, {}, 0],
    [wrong, ['Refunds'], {}, 0],
    [one, ['Refunds'], {}, 1],
    [one, 'Refunds', { only: true }, 1],
    [one, [rows[0].id], {}, 1],
    [one, ['Refunds', 'Receipts'], {}, 0.5],
    [both, ['Refunds', 'Receipts', 'Refunds'], { only: true }, 1],
    [both, ['Receipts'], {}, 1],
    [both, ['Receipts'], { only: true }, 0],
    [one, [], {}, 0],
    [none, [], {}, 1],
    [none, ['Refunds'], {}, 0],
    [one, { title: 'Refunds' }, {}, 0],
  ] as const;
  const found = await Promise.all(
    expected.map(async ([{ id }, wanted, configuration]) => {
      const { rows: graded } = await pool().query(
        `select howdah_private.grade_citation(e, $2, $3) as grade
         from howdah.executions as e where e.id = $1`,
        [id, JSON.stringify(wanted), configuration],
      );
      return graded[0].grade.score;
    }),
  );
  expect(found).toEqual(expected.map(([, , , score]) => score));
});

test('searches and citations are erased with their run', async () => {
  const run = await answer('required', `Within 30 days [^${refunds}].`);
  expect(await citationsOf(run.id)).toHaveLength(1);
  await pool().query('select howdah_private.erase_runs(array[$1::uuid])', [run.id]);
  const left = await one(
    pool(),
    `select (select count(*) from howdah.searches where execution_id = $1)::int
       + (select count(*) from howdah.search_results where execution_id = $1)::int
       + (select count(*) from howdah.citations where execution_id = $1)::int as rows`,
    [run.id],
  );
  expect(left.rows).toBe(0);
});

test('the database and the worker read the same marks', async () => {
  const texts = new Map([
    ['7', 'A refund is possible\nwithin 30 days.'],
    ['8', 'She said "no" twice.'],
  ]);
  for (const text of [
    'none',
    'a [^7] and [^8]',
    'a [^07]',
    '"within 30 days" [^7]',
    '"possible   within\n30 days".\n[^7]',
    '„within 30 days“ [^7] „within 60 days“ [^7]',
    '«refund»[^7], »twice«: [^8]',
    '"a" and "b" [^7]',
    '"A" is no quote of [^7]',
    '“no” [^8] “no” [^7]',
    '[^7][^8][^9]',
    'x [^7 ] [7] [^x] [^1234567890123456789]',
    'an 𝄞 before “refund” [^7]',
    '"within\u00a030 days"\u00a0[^7]',
    '"within\u202f30\ufeff days"\u202f\ufeff\u3000[^7]',
    '"within\u008530 days" [^7]',
    '[^٧] and [^７]',
    '["[^7]", "[^8]"]',
    '{"a": "yes [^7]", "b": "[^8]"}',
    '"…" [^7]',
  ]) {
    const rows = await all(
      pool(),
      `select substr($1, m.start_offset + 1, m.end_offset - m.start_offset) as text,
         m.chunk_number::text as number, m.quote
       from howdah_private.citation_marks($1) as m`,
      [text],
    );
    const isValid = await one(
      pool(),
      `select count(*) > 0 and bool_and(t.content is not null
         and howdah_private.has_quote(coalesce(t.content, ''), m.quote)) as valid
       from howdah_private.citation_marks($1) as m
       left join jsonb_each_text($2) as t (number, content) on t.number = m.chunk_number::text`,
      [text, JSON.stringify(Object.fromEntries(texts))],
    );
    expect([text, isValid.valid]).toEqual([text, citationFault(texts, text) === undefined]);
    for (const row of rows) expect(row.text).toMatch(/\[\^\d+\]$/);
    if (text.startsWith('["') || text.includes('\u00a0')) expect(isValid.valid).toBe(true);
  }
});
