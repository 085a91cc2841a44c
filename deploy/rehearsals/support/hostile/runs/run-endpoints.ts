import type { JsonObject } from '../../../../../src/json/json.ts';
import { parseJson } from '../../../../../src/json/parse-json.ts';
import { ANSWER_TIMEOUT_MS, type Answer, type Endpoint } from '../endpoint.ts';
import { hookBodies, workflowBodies } from './run-bodies.ts';

/** Seconds that a run of a hostile workflow gets before it is cancelled. */
const WAIT_SECONDS = 10;

let names = 0;

type Sent = Answer & { body: JsonObject };
type Send = (path: string, body: JsonObject, token: string) => Promise<Sent>;

/** Lists endpoints that write a row and then run it: workflows, and tests of inbound hooks. */
export async function runEndpoints(url: string, token: string): Promise<Endpoint[]> {
  const post = sender(url);
  names += 1;
  const echo = `echo${names}`;
  const member = { agent: 'development', role: 'a' };
  await post(
    '/api/workflows',
    { name: echo, type: 'parallel', configuration: { template: '{{input}}' }, members: [member] },
    token,
  );
  return [
    {
      name: 'a run of a workflow',
      templates: [],
      ownBodies: workflowBodies(echo),
      send: (text, caller) => runWorkflow(post, parseJson(text), caller),
    },
    {
      name: 'a test of an inbound hook',
      templates: [],
      ownBodies: hookBodies(),
      send: (text, caller) => testHook(post, parseJson(text), caller),
    },
  ];
}

function sender(url: string): Send {
  return async (path, body, token) => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return { status: response.status, body: parseJson(await response.text()) };
  };
}

/** Writes a workflow and runs it. Cancels the run when it takes long. */
async function runWorkflow(
  post: Send,
  { workflow, run }: { workflow: JsonObject; run: JsonObject },
  token: string,
): Promise<Answer> {
  names += 1;
  const name = `hostile${names}`;
  const made = await post('/api/workflows', { ...workflow, name }, token);
  if (made.status !== 201) return made;
  const ran = await post('/api/execute', { ...run, workflow: name, wait: WAIT_SECONDS }, token);
  if (ran.status === 202) await post(`/api/executions/${ran.body.execution_id}/cancel`, {}, token);
  return ran;
}

/** Writes an inbound hook and tests its expressions. */
async function testHook(
  post: Send,
  { condition, body }: { condition: string; body: JsonObject },
  token: string,
): Promise<Answer> {
  names += 1;
  const name = `hostile${names}`;
  const secret = await post('/api/secrets', { name, value: 'x'.repeat(40) }, token);
  if (secret.status !== 201) return secret;
  const mapping = { input: `'x'` };
  const row = { verification: 'github', secret_name: name, agent: 'development' };
  const made = await post('/api/inbound-hooks', { ...row, name, condition, mapping }, token);
  if (made.status !== 201) return made;
  return await post(`/api/inbound-hooks/${made.body.id}/test`, { body, headers: {} }, token);
}
