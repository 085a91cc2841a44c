import type { Command } from 'commander';
import { reject } from '../../db/questions.ts';
import { knownQuestion, questionId } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { settle } from '../questions.ts';

/** `howdah reject ID`: refuses the call a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the question')
    .option('--reason <text>', 'what the model is told')
    .action(async (text: string, { reason }: { reason?: string }) => {
      const id = questionId(text);
      await settle(io, async ({ pool, db }) =>
        reject(pool, await knownQuestion(db, id), reason ?? null),
      );
    });
}
