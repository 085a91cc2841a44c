import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world.ts';
import { personAnswer } from './expected-output.ts';
import { findPlannedCall } from './plan.ts';
import { readJournal } from './shop-tools.ts';

type Question = {
  id: string;
  execution_id: string;
  forked_from: string | null;
  kind: 'question' | 'approval' | 'effect';
  prompt: string;
  /** Null for questions of workflows. */
  tool_call: { name: string; arguments: { key?: string; question?: string } } | null;
  options: string[] | null;
};

/** Answers all open questions until the signal fires. One in eight is answered twice at once. */
export async function answerQuestions(world: World, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const { rows } = await world.server.pool.query<Question>(OPEN_QUESTIONS);
      await Promise.all(rows.map((question) => answer(world, question)));
    } catch {
      // the database is unavailable; questions stay open
    }
    await sleep(150);
  }
}

const OPEN_QUESTIONS = `
  select q.id, q.execution_id, e.forked_from_execution_id as forked_from, q.kind, q.prompt, q.tool_call, q.options
  from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
  where q.status = 'open' limit 300`;

async function answer(world: World, question: Question): Promise<void> {
  const [text, data] = chooseAnswer(world, question);
  const send = (): Promise<unknown> =>
    world.server.pool
      .query('select howdah.answer_question($1, $2, $3)', [question.id, text, data])
      .catch(() => {}); // answered already, the run has ended, or the database is unavailable
  const isTwice = question.id.charCodeAt(35) % 8 === 0;
  await Promise.all(isTwice ? [send(), send()] : [send()]);
}

/** Returns the answer and its data. */
function chooseAnswer(
  world: World,
  { kind, prompt, tool_call, ...question }: Question,
): [string, string | null] {
  if (!tool_call) {
    return [personAnswer(prompt), null];
  }
  const args = tool_call.arguments;
  const key = args.key ?? /key=(\S+)/.exec(args.question ?? '')?.[1] ?? 'unknown';
  if (kind === 'question') {
    return [`[ask_user:${key}]`, null];
  }
  if (kind === 'approval') {
    return findPlannedCall(world.seed, key)?.rejected
      ? ['reject', JSON.stringify(`[rejected:${key}]`)]
      : ['approve', null];
  }
  const runs = [question.execution_id, question.forked_from];
  const isDone = readJournal(world.journal).some(
    (effect) => effect.key === key && runs.includes(effect.execution_id),
  );
  if (isDone) {
    return ['done', JSON.stringify(`[${tool_call.name}:${key}]`)];
  }
  return [question.options?.includes('again') ? 'again' : 'give_up', null];
}
