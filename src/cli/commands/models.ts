import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DefinitionKind } from '../backend/definition-kinds.ts';
import { createVerb, deleteVerb } from '../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../nouns/list-and-show.ts';
import { withVerbs } from '../nouns/subcommands.ts';
import type { CliIo } from '../output/output.ts';

const NAMED: DefinitionKind = {
  kind: 'models',
  singular: 'model',
  noun: 'models',
  emptyMessage: 'No models. Create one: howdah models create NAME --help',
  restPath: '/api/models',
  columns: ['id', 'name', 'provider', 'model', 'purpose', 'input_price', 'output_price'],
};

/**
 * Registers `howdah models [list | show | create | delete]`: the models that agents use, with their
 * prices.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(NAMED),
    showVerb(NAMED),
    createVerb(NAMED, { register: withModel, columns: columnsOf }),
    deleteVerb(NAMED),
  ]);
}

type Options = {
  provider: string;
  model: string;
  purpose?: string;
  baseUrl?: string;
  secret?: string;
  inputPrice?: number;
  outputPrice?: number;
  contextTokens?: number;
};

function withModel(command: Command): Command {
  return command
    .argument('<name>', 'name that agents refer to')
    .requiredOption('--provider <name>', 'provider of the model, such as openai or local')
    .requiredOption('--model <id>', 'id of the model at the provider')
    .addOption(
      new Option('--purpose <purpose>', 'purpose of the model (default: llm)').choices([
        ...['llm', 'embedding', 'tts', 'stt'],
      ]),
    )
    .option('--base-url <url>', 'address of a server to use instead of that of the provider')
    .option('--secret <name>', 'secret with the API key: howdah secret set NAME')
    .option('--input-price <amount>', 'price of a million input tokens', amount)
    .option('--output-price <amount>', 'price of a million output tokens', amount)
    .option('--context-tokens <number>', 'size of the context window, in tokens', amount);
}

function columnsOf(_io: CliIo, [name]: readonly string[], options: object) {
  const { provider, model, purpose, baseUrl, secret, ...figures } = options as Options;
  const { inputPrice, outputPrice, contextTokens } = figures;
  return {
    ...{ name, provider, model },
    ...(purpose !== undefined && { purpose }),
    ...(baseUrl !== undefined && { base_url: baseUrl }),
    ...(secret !== undefined && { secret_name: secret }),
    ...(inputPrice !== undefined && { input_price: inputPrice }),
    ...(outputPrice !== undefined && { output_price: outputPrice }),
    ...(contextTokens !== undefined && { context_tokens: contextTokens }),
  };
}

function amount(text: string): number {
  const number = Number(text);
  if (/^\d*\.?\d+$/.test(text) && Number.isFinite(number)) return number;
  throw new InvalidArgumentError('Use a number of 0 or more, such as 0.25.');
}
