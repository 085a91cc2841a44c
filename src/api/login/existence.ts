import { type Subject, whichExist } from '../../db/identity.ts';
import type { Pool } from '../../db/pool.ts';

/** How long an answer counts: so long a deleted user is still answered. */
const FRESH_MS = 1_000;
/** Beyond this, what is stale is forgotten. */
const MANY = 1_000;

/** Whether tenant and user exist, by an answer of the database that is at most a second old. Rejects as node-pg does. */
export type Exists = (subject: Subject) => Promise<boolean>;

type Answer = { asked: number; exists: Promise<boolean> };
type Batch = { subjects: Subject[]; answers: Promise<boolean[]> };

/** One look-up a second for each subject, however many requests it sends; one query for all asked at once. */
export function createExistence(pool: Pool): Exists {
  const answers = new Map<string, Answer>();
  let batch: Batch | undefined;
  const send = async (subjects: Subject[]) => {
    await undefined; // gathers what is asked in this turn of the event loop
    batch = undefined;
    if (answers.size > MANY) forgetStale(answers);
    return whichExist(pool, subjects);
  };
  const ask = async (subject: Subject) => {
    const subjects: Subject[] = batch?.subjects ?? [];
    batch ??= { subjects, answers: send(subjects) };
    const place = subjects.push(subject) - 1;
    return (await batch.answers)[place] ?? false;
  };
  return (subject) => {
    const key = `${subject.tenantId} ${subject.userId}`;
    const known = answers.get(key);
    if (known && isFresh(known)) return known.exists;
    const answer = { asked: performance.now(), exists: ask(subject) };
    answers.set(key, answer);
    answer.exists.catch(() => {
      if (answers.get(key) === answer) answers.delete(key);
    });
    return answer.exists;
  };
}

function isFresh({ asked }: Answer): boolean {
  return performance.now() - asked < FRESH_MS;
}

function forgetStale(answers: Map<string, Answer>): void {
  for (const [key, answer] of answers) {
    if (!isFresh(answer)) answers.delete(key);
  }
}
