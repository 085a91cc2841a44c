import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import {
  all,
  committed,
  completed,
  finish,
  makeAgent,
  makeTenant,
  makeUser,
  makeWorker,
  takeRole,
  type User,
} from '../../support.ts';

// The calibration of a judge on judgements of others: the Cranfield collection has abstracts that
// people called relevant to a question, out of all of them.

const FOLDER = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'retrieval-cranfield');
const hasAssets = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(FOLDER);
if (!hasAssets) console.log('judgements of others: skipped, HOWDAH_TEST_ASSETS is not set');

type Judged = { question: string; abstract: string; isRelevant: boolean };
const readLines = (name: string) =>
  readFileSync(join(FOLDER, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
const readTexts = (name: string) =>
  new Map(
    readLines(name).map((line) => {
      const { _id, text } = JSON.parse(line) as { _id: string; text: string };
      return [_id, text] as const;
    }),
  );

/**
 * Returns two judgements of each question: the first abstract that people called relevant, and the
 * first one of another question that they did not. Rows with the score 0 are left out: they share
 * more words with their question than relevant abstracts do, so the score means something else.
 */
function readJudgements(): Judged[] {
  const questions = readTexts('queries.jsonl');
  const abstracts = readTexts('corpus.jsonl');
  const judged = Map.groupBy(
    readLines('qrels.tsv')
      .slice(1)
      .map((line) => line.split('\t')),
    ([question]) => String(question),
  );
  const first = new Map<string, string>();
  for (const [question, rows] of judged) {
    const [, abstract] =
      rows.find(([, id, score]) => score === '1' && abstracts.get(`${id}`)) ?? [];
    if (abstract !== undefined) first.set(question, abstract);
  }
  const relevant = [...first.values()];
  return [...first].flatMap(([question, abstract], place) => {
    const own = new Set(judged.get(question)?.map(([, id]) => id));
    const others = [...relevant.slice(place + 1), ...relevant.slice(0, place)];
    const of = (id: string | undefined, isRelevant: boolean): Judged => ({
      question: questions.get(question) ?? '',
      abstract: abstracts.get(id ?? '') ?? '',
      isRelevant,
    });
    return [
      of(abstract, true),
      of(
        others.find((id) => !own.has(id)),
        false,
      ),
    ];
  });
}

const wordsOf = (text: string) => new Set(text.toLowerCase().match(/[a-z]{4,}/g));
/** The verdict of a weak judge: relevant if the abstract has most words of the question. */
function sharesWords({ question, abstract }: Judged): boolean {
  const found = wordsOf(abstract);
  const words = [...wordsOf(question)];
  return words.filter((word) => found.has(word)).length >= words.length / 2;
}

/** Returns agreement and Cohen's kappa of two columns of labels. */
function kappaOf(pairs: readonly (readonly [boolean, boolean])[]) {
  const share = (is: (pair: readonly [boolean, boolean]) => boolean) =>
    pairs.filter(is).length / pairs.length;
  const agreement = share(([a, b]) => a === b);
  const [yes, other] = [share(([a]) => a), share(([, b]) => b)];
  const chance = yes * other + (1 - yes) * (1 - other);
  return { agreement, kappa: (agreement - chance) / (1 - chance) };
}

describe.skipIf(!hasAssets)('a judge, compared with the assessors of Cranfield', () => {
  const db = testDatabase();
  const judged = hasAssets ? readJudgements() : [];
  const byItem = new Map<string, Judged>();
  let tenant: string;
  let worker: string;
  let assessor: User;

  const asAssessor = (text: string, values: unknown[]) =>
    committed(db.pool, async (client) => {
      const user = { 'howdah.tenant_id': tenant, 'howdah.user_id': assessor.id };
      await takeRole(client, 'howdah_app', user);
      return all(client, text, values);
    });

  /** Evaluates with the abstracts as answers, and lets the judge say what the function returns. */
  async function evaluate(say: (judged: Judged) => boolean): Promise<string> {
    const [started] = await asAssessor(`select id from howdah.evaluate('relevance', 'shelf')`, []);
    const id = String(started?.id);
    const results = await all<{ id: string; item_id: string; execution_id: string }>(
      db.pool,
      'select id, item_id, execution_id from howdah.evaluation_results where evaluation_id = $1',
      [id],
    );
    for (const { execution_id, item_id } of results) {
      const output = byItem.get(item_id)?.abstract;
      await finish(db.pool, worker, execution_id, { ...completed, output });
    }
    await gradeRuns(db.pool);
    const judges = await all<{ id: string; item_id: string }>(
      db.pool,
      `select e.id, r.item_id from howdah.executions as e
       join howdah.evaluation_results as r
         on r.execution_id = (e.metadata ->> 'judged_execution_id')::uuid
       where r.evaluation_id = $1 and e.completed_at is null`,
      [id],
    );
    for (const { id: judge, item_id } of judges) {
      const pass = say(byItem.get(item_id) as Judged);
      const output = JSON.stringify({ pass, reason: 'recorded' });
      await finish(db.pool, worker, judge, { ...completed, output });
    }
    await gradeRuns(db.pool);
    await asAssessor(
      `select howdah.grade(r.id, case when i.relevant then 1 else 0 end, null, 'relevance')
       from howdah.evaluation_results as r
       join unnest($2::uuid[], $3::boolean[]) as i (id, relevant) on i.id = r.item_id
       where r.evaluation_id = $1`,
      [id, [...byItem.keys()], [...byItem.values()].map(({ isRelevant }) => isRelevant)],
    );
    return id;
  }

  const agreementOf = async (id: string) =>
    (await asAssessor('select * from howdah.grader_agreement($1)', [id])).find(
      ({ grader }) => grader === 'relevance',
    );

  beforeAll(async () => {
    tenant = await makeTenant(db.pool);
    worker = await makeWorker(db.pool);
    await makeAgent(db.pool, { tenant_id: tenant, name: 'shelf' });
    await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
    assessor = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    const made = await all<{ id: string; place: string }>(
      db.pool,
      `with made as (insert into howdah.datasets (tenant_id, name) values ($1, 'relevance') returning id),
         grader as (
           insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
           select $1, id, 'relevance', 'rubric', $3 from made)
       insert into howdah.dataset_items (tenant_id, dataset_id, input, metadata)
       select $1, made.id, i.question, jsonb_build_object('place', i.place)
       from made cross join unnest($2::text[]) with ordinality as i (question, place)
       returning id, metadata ->> 'place' as place`,
      [
        tenant,
        judged.map(({ question }) => question),
        { agent: 'judge', rubric: 'The abstract answers the question.' },
      ],
    );
    for (const { id, place } of made) byItem.set(id, judged[Number(place) - 1] as Judged);
  });

  test('has the kappa of a weak judge, and lists where it disagrees', async () => {
    const id = await evaluate(sharesWords);
    const found = await agreementOf(id);
    const pairs = judged.map((one) => [sharesWords(one), one.isRelevant] as const);
    const { agreement, kappa } = kappaOf(pairs);
    expect(found).toMatchObject({ results: judged.length, people: 1 });
    expect(found?.agreement).toBeCloseTo(agreement, 10);
    expect(found?.kappa).toBeCloseTo(kappa, 10);
    // nobody should trust it, and the interval says so
    expect(found?.kappa_high).toBeLessThan(0.6);
    const listed = await asAssessor(
      `select item_id from howdah.grader_disagreements($1, 'relevance')`,
      [id],
    );
    const wrong = pairs.filter(([judge, people]) => judge !== people).length;
    expect(listed).toHaveLength(Math.min(100, wrong));
    for (const { item_id } of listed) {
      const one = byItem.get(String(item_id)) as Judged;
      expect(sharesWords(one)).not.toBe(one.isRelevant);
    }
  });

  test('has kappa 1 for a judge that says what people said', async () => {
    await db.pool.query(
      `update howdah.agents set instruction = 'Ask the assessors.'
       where tenant_id = $1 and name = 'judge'`,
      [tenant],
    );
    const found = await agreementOf(await evaluate(({ isRelevant }) => isRelevant));
    expect(found).toMatchObject({
      ...{ results: judged.length, agreement: 1, kappa: 1, mean_difference: 0 },
    });
    expect(found?.kappa_low).toBeGreaterThan(0.9);
  });
});
