import type pg from 'pg';
import type { JsonObject } from '../../../src/json/json.ts';
import { addTool, makeAgent, makeAgentTool } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';

/** Returns a tool call of a script. */
const call = (id: string, name: string, args: JsonObject) => ({
  tool_calls: [{ id, name, arguments: args }],
});

export type TreeAgents = { boss: string; worker: string; helper: string };

/**
 * Makes the agents of scene 3 with two levels. The boss asks the worker, the worker asks the
 * helper, and the helper asks its user. The boss and the worker write a text before they call.
 */
export async function makeAgentTree(pool: pg.Pool): Promise<TreeAgents> {
  const helper = await makeAgent(pool, {
    script: [
      { content: 'I must ask.', ...call('h1', 'ask_user', { question: 'Which parcel?' }) },
      { content: 'The blue parcel comes tomorrow.' },
    ],
    tools: ['ask_user'],
  });
  const toHelper = await makeAgentTool(pool, helper);
  const worker = await makeAgent(pool, {
    script: [
      { content: 'I ask the helper.', ...call('w1', toHelper, { message: 'Where is it?' }) },
      call('w2', 'todo', { action: 'add', title: 'Tell the boss' }),
      { content: 'It comes tomorrow.' },
    ],
    tools: ['todo'],
  });
  await addTool(pool, worker, toHelper);
  const toWorker = await makeAgentTool(pool, worker);
  const boss = await makeAgent(pool, {
    script: [
      { content: 'I delegate.', ...call('b1', toWorker, { message: 'Find the parcel.' }) },
      { content: 'Your parcel comes tomorrow.' },
    ],
  });
  await addTool(pool, boss, toWorker);
  const name = async (id: string) =>
    (await one(pool, 'select name from howdah.agents where id = $1', [id])).name as string;
  return { boss: await name(boss), worker: await name(worker), helper: await name(helper) };
}
