import { Command } from 'commander';
import { commandMetadataOf } from '../../../src/cli/help/command-metadata.ts';
import type { CliIo } from '../../../src/cli/output/output.ts';
import { allCommands } from '../../../src/cli/registry.ts';

/**
 * Renders src/cli/help/command-metadata.generated.ts: the metadata of each command for help and
 * completion, read from the files in `commands/`.
 */
export async function renderCommandMetadata(): Promise<string> {
  const lines: string[] = [];
  for (const { name, summary, load } of allCommands) {
    const command = new Command(name).description(summary).helpCommand(false);
    (await load()).register(command, {} as CliIo);
    lines.push(`  ${JSON.stringify(name)}: ${JSON.stringify(commandMetadataOf(command))},`);
  }
  return `// Generated from src/cli/commands: npm run generate. Help and completion load it instead of the commands.
import type { CommandMetadata } from './command-metadata.ts';

export const described: Readonly<Record<string, CommandMetadata>> = {
${lines.join('\n')}
};
`;
}
