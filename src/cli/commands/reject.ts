import type { Command } from 'commander';
import { reject } from '../../db/questions.ts';
import { questionId } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { settle } from '../questions.ts';

/** `howdah reject ID`: refuses the call a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the question')
    .option('--reason <text>', 'what the model is told')
    .action(async (id: string, { reason }: { reason?: string }) => {
      await settle(io, ({ pool }) => reject(pool, questionId(id), reason ?? null));
    });
}
