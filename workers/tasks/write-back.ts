import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { makeAnswerDue } from '../../src/db/worker/due-answers.ts';
import { writeBackPayload } from '../payloads.ts';

/** Creates the task of jobs that earlier releases left: makes the answer of a run due. */
export function writeBackTask(pool: Pool): Task {
  return async (payload) => makeAnswerDue(pool, writeBackPayload.parse(payload).id);
}
