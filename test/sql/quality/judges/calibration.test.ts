import { mean, sampleCorrelation } from 'simple-statistics';
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
  one,
  refusal,
  takeRole,
  type User,
} from '../../support.ts';
import { RECORDED, type Recorded } from './recorded-judgements.ts';

// The calibration of a judge on recorded judgements of people: the whole way from the run of the
// judge to the figures, and examples for the judge from what people said.

const db = testDatabase();
const BAD = { output: 'Go away.', score: 1, reason: 'Rude.' };
const GOOD = { output: 'No, sorry: 30 days.', score: 5, reason: 'Right.' };
let tenant: string;
let worker: string;
let people: User[];
let evaluation: string;

const asPerson = <T extends object>(text: string, values: unknown[], person = people[0]) =>
  committed(db.pool, async (client) => {
    const user = { 'howdah.tenant_id': tenant, 'howdah.user_id': person?.id ?? '' };
    await takeRole(client, 'howdah_app', user);
    return all<T & Record<string, unknown>>(client, text, values);
  });

/** The id of the n-th item, which decides on the order of the examples. */
const itemId = (place: number) => `00000000-0000-7000-8000-${String(place).padStart(12, '0')}`;
const recordedOf = (item: string): Recorded => RECORDED[Number(item.slice(-12))] as Recorded;
const personScore = ({ anna, ben }: Recorded) => (anna + ben) / 2;
const judgeScore = ({ judge }: Recorded) => (judge - 1) / 4;

type Result = { id: string; item_id: string; execution_id: string };
const resultsOf = (id: string) =>
  all<Result>(
    db.pool,
    'select id, item_id, execution_id from howdah.evaluation_results where evaluation_id = $1',
    [id],
  );

const setExamples = (examples: unknown) =>
  db.pool.query(
    `update howdah.graders set configuration = configuration || jsonb_build_object('examples', $2::jsonb)
     where tenant_id = $1`,
    [tenant, JSON.stringify(examples)],
  );

/** Evaluates with the recorded answers, and lets the judge say what the function returns. */
async function evaluate(say: (recorded: Recorded, prompt: string) => number): Promise<string> {
  const [started] = await asPerson<{ id: string }>(
    `select id from howdah.evaluate('returns', 'support')`,
    [],
  );
  const id = started?.id ?? '';
  for (const { item_id, execution_id } of await resultsOf(id)) {
    const { output } = recordedOf(item_id);
    await finish(db.pool, worker, execution_id, { ...completed, output });
  }
  await gradeRuns(db.pool);
  const judges = await all<{ id: string; input: string; item_id: string }>(
    db.pool,
    `select e.id, e.input, r.item_id from howdah.executions as e
     join howdah.evaluation_results as r
       on r.execution_id = (e.metadata ->> 'judged_execution_id')::uuid
     where r.evaluation_id = $1 and e.completed_at is null`,
    [id],
  );
  for (const { id: judge, input, item_id } of judges) {
    const verdict = { score: say(recordedOf(item_id), input), reason: 'recorded' };
    await finish(db.pool, worker, judge, { ...completed, output: JSON.stringify(verdict) });
  }
  await gradeRuns(db.pool);
  return id;
}

async function gradeAsPeople(id: string): Promise<void> {
  for (const { id: result, item_id } of await resultsOf(id)) {
    const { anna, ben, comment } = recordedOf(item_id);
    const text = `select howdah.grade($1, $2, $3, 'tone')`;
    await asPerson(text, [result, anna, comment], people[0]);
    await asPerson(text, [result, ben, null], people[1]);
  }
}

const agreementOf = async (id: string) =>
  (await asPerson('select * from howdah.grader_agreement($1)', [id])).find(
    ({ grader }) => grader === 'tone',
  );

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  await makeAgent(db.pool, { tenant_id: tenant, name: 'support' });
  await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
  people = [
    await makeUser(db.pool, { tenant_id: tenant, role: 'member' }),
    await makeUser(db.pool, { tenant_id: tenant, role: 'member' }),
  ];
  const configuration = {
    ...{ agent: 'judge', rubric: 'Right and polite.', scale: { min: 1, max: 5 } },
    examples: [BAD, GOOD],
  };
  await db.pool.query(
    `with made as (insert into howdah.datasets (tenant_id, name) values ($1, 'returns') returning id),
       items as (
         insert into howdah.dataset_items (id, tenant_id, dataset_id, input)
         select i.id, $1, made.id, 'Can I return the kettle after 40 days? No. ' || i.place
         from made cross join unnest($2::uuid[]) with ordinality as i (id, place))
     insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration, pass_score)
     select $1, id, 'tone', 'rubric', $3, 0.5 from made`,
    [tenant, RECORDED.map((_, place) => itemId(place)), configuration],
  );
  evaluation = await evaluate(({ judge }) => judge);
});

describe('the calibration of a judge', () => {
  test('has the agreement and kappa with its interval that one computes by hand', async () => {
    await gradeAsPeople(evaluation);
    const tone = await agreementOf(evaluation);
    // 10 passed both, 8 passed neither, 4 passed the judge alone and 2 people alone. By chance:
    // 14/24 · 12/24 + 10/24 · 12/24 = 0.5. Kappa: (0.75 - 0.5) / (1 - 0.5)
    expect(tone).toMatchObject({ results: 24, people: 2, agreement: 0.75 });
    expect(tone?.kappa).toBeCloseTo(0.5, 10);
    // Wilson's interval of 18 of 24 is 0.5510 to 0.8800: both ends less 0.5, divided by 0.5
    expect(tone?.kappa_low).toBeCloseTo(0.102, 3);
    expect(tone?.kappa_high).toBeCloseTo(0.76, 3);
  });

  test('has the mean difference and the length bias of the recording', async () => {
    const tone = await agreementOf(evaluation);
    const differences = RECORDED.map((recorded) => judgeScore(recorded) - personScore(recorded));
    expect(tone?.mean_difference).toBeCloseTo(mean(differences), 10);
    const lengths = RECORDED.map(({ output }) => output.length);
    expect(tone?.length_bias).toBeCloseTo(sampleCorrelation(differences, lengths), 10);
    expect(tone?.length_bias).toBeGreaterThan(0.7);
    // at least as wide as Fisher's interval
    const [low, high] = [-1, 1].map((side) =>
      Math.tanh(
        Math.atanh(sampleCorrelation(differences, lengths)) + (side * 1.96) / Math.sqrt(21),
      ),
    ) as [number, number];
    expect(tone?.length_low).toBeLessThan(low + 1e-4);
    expect(tone?.length_low).toBeGreaterThan(0);
    expect(tone?.length_high).toBeGreaterThan(high - 1e-4);
    expect(tone?.length_high).toBeLessThan(1);
    expect(tone?.length_verdict).toBe('higher');
  });

  test('lists the six disagreements, the largest first', async () => {
    const listed = await asPerson<{ item_id: string; comments: string[] }>(
      `select * from howdah.grader_disagreements($1, 'tone')`,
      [evaluation],
    );
    expect(listed).toHaveLength(6);
    expect(recordedOf(listed[0]?.item_id ?? '')).toMatchObject({ judge: 5, anna: 0 });
    expect(listed[0]?.comments).toEqual(['Invents a rule']);
  });

  test('has no position bias where the order of the examples does not sway the judge', async () => {
    const tone = await agreementOf(evaluation);
    expect(tone?.position_bias).not.toBeNull();
    expect(tone?.position_low).toBeLessThan(Math.min(0, Number(tone?.position_bias)));
    expect(tone?.position_high).toBeGreaterThan(Math.max(0, Number(tone?.position_bias)));
    expect(tone?.position_verdict).toBe('inside the noise');
  });
});

describe('the examples of a judge', () => {
  test('come in reverse for some items, and a judge that is swayed has a position bias', async () => {
    await setExamples([BAD, GOOD]);
    const seen: string[] = [];
    // gives the score of the example that comes last
    const id = await evaluate((_, prompt) => {
      const isReversed = prompt.indexOf(GOOD.output) < prompt.indexOf(BAD.output);
      expect(prompt).toMatch(
        isReversed ? /Example 1, [\s\S]*No, sorry/ : /Example 1, [\s\S]*Go away/,
      );
      seen.push(String(isReversed));
      return isReversed ? 1 : 5;
    });
    // equal prompts were judged before: another version of the judge is asked again
    expect(seen).toEqual([]);
    expect(id).not.toBe(evaluation);
    await db.pool.query(
      `update howdah.agents set instruction = 'Grade again.' where tenant_id = $1 and name = 'judge'`,
      [tenant],
    );
    const swayed = await evaluate((_, prompt) => {
      const isReversed = prompt.indexOf(GOOD.output) < prompt.indexOf(BAD.output);
      seen.push(String(isReversed));
      return isReversed ? 1 : 5;
    });
    expect(new Set(seen)).toEqual(new Set(['true', 'false']));
    await gradeAsPeople(swayed);
    const tone = await agreementOf(swayed);
    expect(tone).toMatchObject({ position_verdict: 'higher' });
    expect(tone?.position_bias).toBeGreaterThan(0.5);
    expect(tone?.position_low).toBeGreaterThan(0);
    expect(tone?.position_low).toBeLessThan(Number(tone?.position_bias));
  });

  test('are proposed from what people said, over the range of scores', async () => {
    const [{ examples }] = (await asPerson(
      `select howdah.rubric_examples($1, 'tone', 4) as examples`,
      [evaluation],
    )) as [{ examples: { output: string; score: number; reason: string; item_id: string }[] }];
    expect(examples).toHaveLength(4);
    for (const { output, score, reason, item_id } of examples) {
      const recorded = recordedOf(item_id);
      expect({ output, reason }).toEqual({ output: recorded.output, reason: recorded.comment });
      expect(score).toBeCloseTo(1 + 4 * personScore(recorded), 3);
    }
    const scores = examples.map(({ score }) => score);
    expect([Math.min(...scores), Math.max(...scores)]).toEqual([1, 5]);
    // the judge was furthest from people there
    expect(examples.map(({ reason }) => reason)).toContain('Invents a rule');

    await setExamples(examples);
    const id = await evaluate((_, prompt) => (prompt.includes('Invents a rule') ? 3 : 1));
    await gradeAsPeople(id);
    // what the judge has read says nothing about it
    expect(await agreementOf(id)).toMatchObject({ results: 20 });
    const [next] = (await asPerson(`select howdah.rubric_examples($1, 'tone') as examples`, [
      id,
    ])) as [{ examples: { item_id: string }[] }];
    const again = next.examples.filter(({ item_id }) =>
      examples.some((example) => example.item_id === item_id),
    );
    expect(again).toEqual([]);
  });

  test('are refused for wrong arguments, and leave out what may not be shown', async () => {
    const propose = (...values: unknown[]) =>
      asPerson('select howdah.rubric_examples($1, $2, $3) as examples', values);
    expect(await refusal(propose(evaluation, 'tune', 4))).toMatchObject({
      ...{ code: 'HWINV', hint: 'Did you mean tone?' },
    });
    for (const number of [0, 21, null]) {
      expect(await refusal(propose(evaluation, 'tone', number))).toMatchObject({
        ...{ code: 'HWINV', detail: '{"field": "examples"}' },
      });
    }
    expect((await refusal(propose(evaluation, null, 4))).code).toBe('HWINV');
    expect((await refusal(propose(null, 'tone', 4))).code).toBe('HWNTF');
    expect((await refusal(propose(people[0]?.id, 'tone', 4))).code).toBe('HWNTF');
    // texts of a user, and removed items
    for (const left of ['source_execution_id = howdah.uuid_v7()', 'removed_at = now()']) {
      await db.pool.query(
        `update howdah.dataset_items set source_execution_id = null, removed_at = null
         where tenant_id = $1`,
        [tenant],
      );
      expect(await propose(evaluation, 'tone', 4)).not.toEqual([{ examples: [] }]);
      await db.pool.query(`update howdah.dataset_items set ${left} where tenant_id = $1`, [tenant]);
      expect(await propose(evaluation, 'tone', 4)).toEqual([{ examples: [] }]);
    }
    expect(await refusal(setExamples([{ ...BAD, item_id: 'the third' }]))).toMatchObject({
      code: 'HWINV',
    });
    await db.pool.query(
      `update howdah.evaluations set graders = '[{"name": "tone", "kind": "exact"}]' where id = $1`,
      [evaluation],
    );
    expect((await refusal(propose(evaluation, 'tone', 4))).code).toBe('HWINV');
    expect(await one(db.pool, 'select count(*)::int as n from howdah.violations')).toEqual({
      n: 0,
    });
  });
});
