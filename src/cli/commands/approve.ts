import { type Command, Option } from 'commander';
import { approve } from '../../db/questions.ts';
import { knownQuestion, questionId } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { jsonOption, settle } from '../questions.ts';

/** `howdah approve ID`: allows the call a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the question')
    .addOption(
      new Option('--remember <scope>', 'do not ask about this tool again in it').choices([
        'run',
        'session',
        'agent',
      ]),
    )
    .option('--arguments <json>', 'call it with these arguments instead')
    .action(async (text: string, options: { remember?: string; arguments?: string }) => {
      const args = jsonOption('arguments', options.arguments);
      const id = questionId(text);
      await settle(io, async ({ pool, db }) =>
        approve(pool, await knownQuestion(db, id), options.remember ?? null, args),
      );
    });
}
