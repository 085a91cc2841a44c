import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { putSecretOn, secretRowsOn } from '../../src/db/access/secrets.ts';
import { createSecretWriter } from '../../src/secrets/writer.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { masterKeys } from '../api/inbound/support.ts';
import { tokenOptions } from '../api/subscriptions/tokens.ts';
import { all, one } from '../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startSlack } from './slack-server.ts';
import { applyPack, packFolder } from './support.ts';

const SIGNING = 'a-signing-secret-of-slack';
const BOT = 'a-bot-token-of-slack';

let database: TestDatabase;
let worker: Worker;
let api: ApiServer;
let slack: Awaited<ReturnType<typeof startSlack>>;
let url: string;
beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database.url, { egressAllow: ['127.0.0.1'], masterKeys });
  api = await startTestApi(database.url, { ...tokenOptions, masterKeys });
  url = `${api.url}/hooks/slack`;
  slack = await startSlack({ signingSecret: SIGNING, botToken: BOT });
  const { id } = await one(database.pool, 'select howdah.current_tenant() as id');
  const { set } = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  await set(id, 'slack_signing', SIGNING, putSecretOn(database.pool, id));
  await set(id, 'slack_bot', BOT, putSecretOn(database.pool, id));
  expect(await applyPack(database.url, 'slack')).toMatchObject({ status: 0 });
  await database.pool.query(`
    with model as (
      insert into howdah.models (name, provider, model) values ('script', 'scripted', 'm') returning id
    )
    insert into howdah.agent_models (agent_id, model_id, position, request_params)
    select howdah.agent('slack'), m.id, 1,
      '{"script": [{"content": "The first answer."}, {"content": "The second answer."}]}' from model as m`);
  const hook = await readFile(join(packFolder('slack'), 'hook.sql'), 'utf8');
  await database.pool.query(hook.replaceAll('https://slack.com', `http://${slack.host}`));
});
afterAll(async () => {
  slack?.close();
  await api?.close();
  await worker?.stop(0);
  await database?.drop();
});

/** Waits until a number of runs have ended, and all their replies were sent. */
const waitForReplies = (runs: number) =>
  eventually(
    database.pool,
    `${runs} runs and their replies`,
    `select 1 as done where (select count(*) from howdah.executions as e where e.completed_at is not null) = $1
       and not exists (select from howdah.webhook_deliveries as d where d.status = 'pending')
       and (select count(*) from howdah.webhook_deliveries) = $1`,
    [runs],
  );

test('a mention is answered in its thread once, though Slack repeats it; the thread is a session', async () => {
  const mention = { type: 'app_mention', user: 'U1', channel: 'C1', text: '<@U9> Hello?' };
  const statuses = await slack.emit(url, { ...mention, ts: '1700000000.000001' });
  expect(statuses.toSorted()).toEqual([200, 200, 200, 202]);
  await waitForReplies(1);
  expect(slack.posted).toEqual([
    { channel: 'C1', thread_ts: '1700000000.000001', text: 'The first answer.' },
  ]);
  await slack.emit(url, { ...mention, text: 'And now?', thread_ts: '1700000000.000001' });
  await waitForReplies(2);
  expect(slack.posted[1]).toEqual({
    channel: 'C1',
    thread_ts: '1700000000.000001',
    text: 'The second answer.',
  });
  const direct = { type: 'message', channel_type: 'im', user: 'U1', channel: 'D1', text: 'Hi' };
  await slack.emit(url, { ...direct, ts: '1700000000.000009' });
  await waitForReplies(3);
  expect(slack.posted[2]).toMatchObject({ channel: 'D1', text: 'The first answer.' });
  const runs = await all(
    database.pool,
    `select e.input, e.input_trust, e.turn, e.session_id, e.metadata ->> 'slack_user' as "user"
     from howdah.executions as e order by e.id`,
  );
  expect(runs).toMatchObject([
    { input: '<@U9> Hello?', input_trust: 'external', turn: 1, user: 'U1' },
    { input: 'And now?', turn: 2, session_id: runs[0]?.session_id },
    { input: 'Hi', turn: 1 },
  ]);
  expect(runs[2]?.session_id).not.toBe(runs[0]?.session_id);
  expect(slack.posted).toHaveLength(3);
});

test('a run that fails says so in the thread', async () => {
  // the script of the model has no third answer
  const mention = { type: 'app_mention', user: 'U1', channel: 'C1', text: 'Once more?' };
  await slack.emit(url, { ...mention, thread_ts: '1700000000.000001' });
  await waitForReplies(4);
  expect(slack.posted[3]).toEqual({
    channel: 'C1',
    thread_ts: '1700000000.000001',
    text: 'The run ended without an answer (error).',
  });
});

test('messages of the app and of other bots, edits, joins and other channels begin no run', async () => {
  const before = (await all(database.pool, 'select id from howdah.executions')).length;
  const said = { type: 'message', channel_type: 'im', user: 'U9', channel: 'D1', text: 'x' };
  for (const event of [
    { ...said, bot_id: 'B1' },
    { ...said, subtype: 'message_changed' },
    { ...said, subtype: 'bot_message' },
    { ...said, channel_type: 'channel', channel: 'C1' },
    { type: 'reaction_added', user: 'U1', item: {} },
    { type: 'app_mention', user: 'U9', channel: 'C1', text: 'x', bot_id: 'B1' },
  ]) {
    expect(await slack.emit(url, event)).toEqual([200, 200, 200, 200]);
  }
  expect(await all(database.pool, 'select id from howdah.executions')).toHaveLength(before);
  const ignored = await all(
    database.pool,
    `select d.requests from howdah.inbound_deliveries as d where d.status = 'ignored'`,
  );
  expect(ignored).toEqual(Array.from({ length: 6 }, () => ({ requests: 4 })));
});

test('the address is confirmed, and a forged event is refused', async () => {
  const challenge = { type: 'url_verification', challenge: 'a-challenge' };
  expect(await slack.send(url, challenge)).toEqual({
    status: 200,
    body: { challenge: 'a-challenge' },
  });
  const forger = await startSlack({ signingSecret: 'another', botToken: BOT });
  const statuses = await forger.emit(url, { type: 'app_mention', channel: 'C1', text: 'x' });
  forger.close();
  expect(statuses).toEqual([401, 401, 401, 401]);
});

test('an answer that Slack refuses is kept, and sent again', async () => {
  slack.faults.push([200, { ok: false, error: 'not_in_channel' }]);
  const before = slack.posted.length;
  await slack.emit(url, {
    type: 'app_mention',
    user: 'U1',
    channel: 'C2',
    text: 'Hello?',
    ts: '1700000000.000077',
  });
  const refused = await eventually<{ id: string; last_error: string; attempts: number }>(
    database.pool,
    'the refusal of the reply',
    `select d.id, d.last_error, d.attempts from howdah.webhook_deliveries as d
     where d.last_error is not null and d.status = 'pending'`,
  );
  expect(refused.last_error).toContain('not_in_channel');
  await database.pool.query('select howdah.redeliver($1)', [refused.id]);
  await waitForReplies(5);
  expect(slack.posted.slice(before)).toEqual([
    { channel: 'C2', thread_ts: '1700000000.000077', text: 'The first answer.' },
  ]);
  const rows = await all(
    database.pool,
    `select to_jsonb(d)::text || to_jsonb(h)::text as text
     from howdah.webhook_deliveries as d, howdah.inbound_hooks as h`,
  );
  expect(rows.filter(({ text }) => text.includes(BOT) || text.includes(SIGNING))).toEqual([]);
});
