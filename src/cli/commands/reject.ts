import type { Command } from 'commander';
import { reject } from '../../db/questions.ts';
import { ELSEWHERE, givenText } from '../given.ts';
import { knownQuestion, questionId } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { settle } from '../questions.ts';

/** `howdah reject ID`: refuses the call a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the question')
    .option('--reason <text>', `what the model is told; ${ELSEWHERE}`)
    .action(async (text: string, options: { reason?: string }) => {
      const id = questionId(text);
      const { reason: said } = options;
      const reason = said === undefined ? null : await givenText(io, 'the reason', said);
      await settle(io, async ({ pool, db }) => reject(pool, await knownQuestion(db, id), reason));
    });
}
